// Weight gradients of few channels behind a max-pool: output channels are vectors, and each lane picks the inputs of its own place.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
#if defined(__AVX512F__)
namespace {

/// 16 or 32 floats in registers. kRows: 0, as many as `pick` says.
template <bool kLarge, int kRows>
struct Patch {
  Vec low, high;

  [[gnu::always_inline]] static inline Patch load(const SparsePick& pick, const float* from) {
    Vec low{}, high{};
    const int rows = kRows == 0 ? pick.rows : kRows;
    const std::uint32_t row_mask = (pick.width == 32 ? 0U : 1U << pick.width) - 1U;
    const std::int64_t step = pick.image_row - pick.width;
#pragma GCC unroll 4
    for (int row = 0; row < rows; ++row, from += step) {
      const std::uint32_t mask = row_mask << (row * pick.width);
      low = _mm512_mask_loadu_ps(low, static_cast<__mmask16>(mask), from);
      if (kLarge) high = _mm512_mask_loadu_ps(high, static_cast<__mmask16>(mask >> 16), from + 16);
    }
    return {low, high};
  }
  [[gnu::always_inline]] inline Vec pick(VecInt at) const {
    const auto index = reinterpret_cast<__m512i>(at);
    return kLarge ? _mm512_permutex2var_ps(low, index, high) : _mm512_maskz_permutexvar_ps(static_cast<__mmask16>(0xffff), index, low);
  }
};

static inline VecInt look_up(const std::int32_t* table, VecInt at) {
  return reinterpret_cast<VecInt>(
      _mm512_maskz_permutexvar_epi32(static_cast<__mmask16>(0xffff), reinterpret_cast<__m512i>(at), _mm512_loadu_si512(table)));
}

/// Some channels: kVecs vectors from `first` on, of which the last has `rest`.
template <int kVecs>
struct Channels {
  std::int64_t first;
  int rest;

  [[gnu::always_inline]] inline int part(int v) const { return v + 1 < kVecs ? kLanes : rest; }
  [[gnu::always_inline]] inline Vec get(const float* from, int v) const {
    const float* at = from + first + v * kLanes;
    return part(v) == kLanes ? load(at) : load_part(at, part(v));
  }
  [[gnu::always_inline]] inline void put(float* to, int v, Vec value) const {
    float* at = to + first + v * kLanes;
    part(v) == kLanes ? store(at, value) : store_part(at, part(v), value);
  }
};

/// Taps [tap, tap + kTaps) of some channels.
template <bool kLarge, int kRows, int kTaps, int kVecs>
void pick_taps(const SparsePick& pick, int tap, Channels<kVecs> channels) {
  const Vec zero{};
  Vec sums[kVecs][kTaps], totals[kVecs] = {};
  const std::int32_t* taps = pick.taps + tap;
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) sums[v][t] = channels.get(pick.sums + (tap + t) * pick.channels, v);
  }
  const float *dy = pick.dy, *y = pick.y;
  const std::uint8_t* argmax = pick.argmax;
  for (std::int64_t window = 0; window < pick.window_count; ++window, dy += pick.channels, argmax += pick.channels) {
    if constexpr (kLarge) asm("" : "+r"(taps));  // broadcast from memory: registers for them would displace sums
    const auto patch = Patch<kLarge, kRows>::load(pick, pick.image + pick.windows[window]);
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) {
      Vec gradient = channels.get(dy, v);
      if (y != nullptr) gradient = channels.get(y, v) <= zero ? zero : gradient;
      totals[v] += gradient;
      const VecInt begin = look_up(pick.places, load_bytes(argmax + channels.first + v * kLanes, channels.part(v)));
#pragma GCC unroll 9
      for (int t = 0; t < kTaps; ++t) sums[v][t] = fma(gradient, patch.pick(begin + (VecInt{} + taps[t])), sums[v][t]);
    }
    if (y != nullptr) y += pick.channels;
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) channels.put(pick.sums + (tap + t) * pick.channels, v, sums[v][t]);
    if (tap == 0 && pick.gradients != nullptr) channels.put(pick.gradients, v, channels.get(pick.gradients, v) + totals[v]);
  }
}

template <int kVecs>
using Body = void (*)(const SparsePick&, int, Channels<kVecs>);
template <bool kLarge, int kRows, int kVecs>
void each_tap(const SparsePick& pick, Channels<kVecs> channels) {
  static constexpr Body<kVecs> kBodies[9] = {
      pick_taps<kLarge, kRows, 1, kVecs>, pick_taps<kLarge, kRows, 2, kVecs>, pick_taps<kLarge, kRows, 3, kVecs>,
      pick_taps<kLarge, kRows, 4, kVecs>, pick_taps<kLarge, kRows, 5, kVecs>, pick_taps<kLarge, kRows, 6, kVecs>,
      pick_taps<kLarge, kRows, 7, kVecs>, pick_taps<kLarge, kRows, 8, kVecs>, pick_taps<kLarge, kRows, 9, kVecs>};
  for (int tap = 0; tap < pick.tap_count; tap += 9) kBodies[(pick.tap_count - tap < 9 ? pick.tap_count - tap : 9) - 1](pick, tap, channels);
}

template <bool kLarge, int kRows>
void each_channel(const SparsePick& pick) {
  for (std::int64_t c = 0; c < pick.channels; c += 2 * kLanes) {
    const int left = pick.channels - c < 2 * kLanes ? static_cast<int>(pick.channels - c) : 2 * kLanes;
    if (left > kLanes) {
      each_tap<kLarge, kRows>(pick, Channels<2>{c, left - kLanes});
    } else {
      each_tap<kLarge, kRows>(pick, Channels<1>{c, left});
    }
  }
}

void sparse_pick(const SparsePick& pick) {
  if (pick.rows * pick.width > 16) return each_channel<true, 0>(pick);
  pick.rows == 4 ? each_channel<false, 4>(pick) : each_channel<false, 0>(pick);
}

}  // namespace

void add_sparse_pick(Simd& table);
void add_sparse_pick(Simd& table) { table.sparse_pick = sparse_pick; }
#else
// Without permutations of 16 floats lists are faster.
void add_sparse_pick(Simd& table);
void add_sparse_pick(Simd&) {}
#endif

}  // namespace n2d2::cpu::N2D2_ISA
