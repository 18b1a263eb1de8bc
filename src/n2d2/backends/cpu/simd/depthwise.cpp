// Convolutions of each channel with a kernel of its own: vectors over channels, which lie together.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr int kMaxPixels = 12;
constexpr int kMaxTaps = 9;  // more need more addresses than there are registers

template <bool kWhole>
static inline Vec load_channels(const float* p, int n) {
  return kWhole ? load(p) : load_part(p, n);
}

/// Some output pixels, one vector of channels.
template <int kPixels, bool kWhole>
void pixels(const DepthwisePixels& t, const float* x, const float* w, Vec start, float* y, int channels) {
  const std::int64_t x_step = t.x_step[2], y_step = t.y_step[2];
  Vec sums[kPixels];
#pragma GCC unroll 12
  for (int i = 0; i < kPixels; ++i) sums[i] = start;
  for (std::int64_t k = 0; k < t.tap_count; ++k) {
    const Vec weight = load(w + t.taps[k].w);
    const float* from = x + t.taps[k].x;
#pragma GCC unroll 12
    for (int i = 0; i < kPixels; ++i) sums[i] = fma(weight, load_channels<kWhole>(from + i * x_step, channels), sums[i]);
  }
#pragma GCC unroll 12
  for (int i = 0; i < kPixels; ++i) {
    if constexpr (kWhole) {
      store(y + i * y_step, sums[i]);
    } else {
      store_part(y + i * y_step, channels, sums[i]);
    }
  }
}

using Pixels = void (*)(const DepthwisePixels&, const float*, const float*, Vec, float*, int);
template <bool kWhole>
constexpr Pixels kPixels[kMaxPixels] = {pixels<1, kWhole>, pixels<2, kWhole>,  pixels<3, kWhole>,  pixels<4, kWhole>,
                                        pixels<5, kWhole>, pixels<6, kWhole>,  pixels<7, kWhole>,  pixels<8, kWhole>,
                                        pixels<9, kWhole>, pixels<10, kWhole>, pixels<11, kWhole>, pixels<12, kWhole>};

/// The innermost pixels, all channels.
void row(const DepthwisePixels& t, const float* x, const float* w, const float* bias, float* y) {
  const std::int64_t count = t.count[2], parts = (count + kMaxPixels - 1) / kMaxPixels;
  for (std::int64_t c = 0; c < t.channels; c += kLanes) {
    const int channels = static_cast<int>(t.channels - c < kLanes ? t.channels - c : kLanes);
    const Vec start = bias == nullptr ? Vec{} : load(bias + c);
    const Pixels* bodies = channels == kLanes ? kPixels<true> : kPixels<false>;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = count * part / parts, end = count * (part + 1) / parts;
      bodies[end - begin - 1](t, x + begin * t.x_step[2] + c, w + c, start, y + begin * t.y_step[2] + c, channels);
    }
  }
}

void depthwise(const DepthwisePixels& t, const float* x, const float* w, const float* bias, float* y) {
  for (std::int64_t i = 0; i < t.count[0]; ++i) {
    for (std::int64_t j = 0; j < t.count[1]; ++j) {
      row(t, x + i * t.x_step[0] + j * t.x_step[1], w, bias, y + i * t.y_step[0] + j * t.y_step[1]);
    }
  }
}

/// Some taps, one vector of channels, all pixels.
template <int kTaps, bool kWhole>
void taps(const DepthwisePixels& t, const DepthwiseTap* taps, const float* x, const float* dy, float* sums, int channels) {
  Vec total[kTaps] = {};
  std::int64_t offset[kTaps];
#pragma GCC unroll 9
  for (int k = 0; k < kTaps; ++k) offset[k] = taps[k].x;
  for (std::int64_t i = 0; i < t.count[0]; ++i) {
    for (std::int64_t j = 0; j < t.count[1]; ++j) {
      const float* from = x + i * t.x_step[0] + j * t.x_step[1];
      const float* gradients = dy + i * t.y_step[0] + j * t.y_step[1];
      for (std::int64_t n = 0; n < t.count[2]; ++n, from += t.x_step[2], gradients += t.y_step[2]) {
        const Vec gradient = load_channels<kWhole>(gradients, channels);
#pragma GCC unroll 9
        for (int k = 0; k < kTaps; ++k) total[k] = fma(gradient, load_channels<kWhole>(from + offset[k], channels), total[k]);
      }
    }
  }
#pragma GCC unroll 9
  for (int k = 0; k < kTaps; ++k) store(sums + taps[k].w, load(sums + taps[k].w) + total[k]);
}

using Taps = void (*)(const DepthwisePixels&, const DepthwiseTap*, const float*, const float*, float*, int);
template <bool kWhole>
constexpr Taps kTaps[kMaxTaps] = {taps<1, kWhole>, taps<2, kWhole>, taps<3, kWhole>, taps<4, kWhole>, taps<5, kWhole>,
                                  taps<6, kWhole>, taps<7, kWhole>, taps<8, kWhole>, taps<9, kWhole>};

void depthwise_grad_weight(const DepthwisePixels& t, const float* x, const float* dy, float* sums) {
  const std::int64_t parts = (t.tap_count + kMaxTaps - 1) / kMaxTaps;
  for (std::int64_t c = 0; c < t.channels; c += kLanes) {
    const int channels = static_cast<int>(t.channels - c < kLanes ? t.channels - c : kLanes);
    const Taps* bodies = channels == kLanes ? kTaps<true> : kTaps<false>;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = t.tap_count * part / parts, end = t.tap_count * (part + 1) / parts;
      bodies[end - begin - 1](t, t.taps + begin, x + c, dy + c, sums + c, channels);
    }
  }
}

}  // namespace

void add_depthwise(Simd& table);
void add_depthwise(Simd& table) {
  table.depthwise = depthwise;
  table.depthwise_grad_weight = depthwise_grad_weight;
}

}  // namespace n2d2::cpu::N2D2_ISA
