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

/// Some output pixels, `vecs` vectors of channels, of which `channels` lanes count.
template <int kPixels, bool kWhole>
void pixels(const DepthwisePixels& t, const float* x, const float* w, const float* bias, float* y, std::int64_t vecs, int channels) {
  const std::int64_t x_step = t.x_step[2], y_step = t.y_step[2], tap_count = t.tap_count;
  const DepthwiseTap* taps = t.taps;
  for (std::int64_t vec = 0; vec < vecs; ++vec, x += kLanes, w += kLanes, y += kLanes) {
    const Vec start = bias == nullptr ? Vec{} : load(bias + vec * kLanes);
    Vec sums[kPixels];
#pragma GCC unroll 12
    for (int i = 0; i < kPixels; ++i) sums[i] = start;
    for (std::int64_t k = 0; k < tap_count; ++k) {
      const Vec weight = load(w + taps[k].w);
      const float* from = x + taps[k].x;
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
}

using Pixels = void (*)(const DepthwisePixels&, const float*, const float*, const float*, float*, std::int64_t, int);
template <bool kWhole>
constexpr Pixels kPixels[kMaxPixels] = {pixels<1, kWhole>, pixels<2, kWhole>,  pixels<3, kWhole>,  pixels<4, kWhole>,
                                        pixels<5, kWhole>, pixels<6, kWhole>,  pixels<7, kWhole>,  pixels<8, kWhole>,
                                        pixels<9, kWhole>, pixels<10, kWhole>, pixels<11, kWhole>, pixels<12, kWhole>};

/// The innermost pixels, all channels.
void row(const DepthwisePixels& t, const float* x, const float* w, const float* bias, float* y) {
  const std::int64_t count = t.count[2], parts = (count + kMaxPixels - 1) / kMaxPixels;
  const std::int64_t vecs = t.channels / kLanes, whole = vecs * kLanes;
  const int rest = static_cast<int>(t.channels - whole);
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = count * part / parts, end = count * (part + 1) / parts;
    const float* from = x + begin * t.x_step[2];
    float* to = y + begin * t.y_step[2];
    if (vecs > 0) kPixels<true>[end - begin - 1](t, from, w, bias, to, vecs, kLanes);
    if (rest > 0) {
      kPixels<false>[end - begin - 1](t, from + whole, w + whole, bias == nullptr ? nullptr : bias + whole, to + whole, 1, rest);
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

/// Some taps, `vecs` vectors of channels, of which `channels` lanes count, all pixels.
template <int kTaps, bool kWhole>
void taps(const DepthwisePixels& t, const DepthwiseTap* taps, const float* x, const float* dy, float* sums, std::int64_t vecs,
          int channels) {
  std::int64_t offset[kTaps];
#pragma GCC unroll 9
  for (int k = 0; k < kTaps; ++k) offset[k] = taps[k].x;
  const std::int64_t x_step = t.x_step[2], y_step = t.y_step[2], count = t.count[2];
  for (std::int64_t vec = 0; vec < vecs; ++vec) {
    Vec total[kTaps] = {};
    for (std::int64_t i = 0; i < t.count[0]; ++i) {
      for (std::int64_t j = 0; j < t.count[1]; ++j) {
        const float* from = x + i * t.x_step[0] + j * t.x_step[1] + vec * kLanes;
        const float* gradients = dy + i * t.y_step[0] + j * t.y_step[1] + vec * kLanes;
        for (std::int64_t n = 0; n < count; ++n, from += x_step, gradients += y_step) {
          const Vec gradient = load_channels<kWhole>(gradients, channels);
#pragma GCC unroll 9
          for (int k = 0; k < kTaps; ++k) total[k] = fma(gradient, load_channels<kWhole>(from + offset[k], channels), total[k]);
        }
      }
    }
    float* to = sums + vec * kLanes;
#pragma GCC unroll 9
    for (int k = 0; k < kTaps; ++k) store(to + taps[k].w, load(to + taps[k].w) + total[k]);
  }
}

using Taps = void (*)(const DepthwisePixels&, const DepthwiseTap*, const float*, const float*, float*, std::int64_t, int);
template <bool kWhole>
constexpr Taps kTaps[kMaxTaps] = {taps<1, kWhole>, taps<2, kWhole>, taps<3, kWhole>, taps<4, kWhole>, taps<5, kWhole>,
                                  taps<6, kWhole>, taps<7, kWhole>, taps<8, kWhole>, taps<9, kWhole>};

void depthwise_grad_weight(const DepthwisePixels& t, const float* x, const float* dy, float* sums) {
  const std::int64_t parts = (t.tap_count + kMaxTaps - 1) / kMaxTaps;
  const std::int64_t vecs = t.channels / kLanes, whole = vecs * kLanes;
  const int rest = static_cast<int>(t.channels - whole);
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t begin = t.tap_count * part / parts, count = t.tap_count * (part + 1) / parts - begin;
    if (vecs > 0) kTaps<true>[count - 1](t, t.taps + begin, x, dy, sums, vecs, kLanes);
    if (rest > 0) kTaps<false>[count - 1](t, t.taps + begin, x + whole, dy + whole, sums + whole, 1, rest);
  }
}

}  // namespace

void add_depthwise(Simd& table);
void add_depthwise(Simd& table) {
  table.depthwise = depthwise;
  table.depthwise_grad_weight = depthwise_grad_weight;
}

}  // namespace n2d2::cpu::N2D2_ISA
