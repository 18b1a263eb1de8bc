// Weight gradients of few channels behind a max-pool: output channels are vectors, and each lane picks the inputs of its own place.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
#if defined(__AVX512F__)
namespace {

/// 16 or 32 floats in registers.
template <bool kLarge>
struct Patch {
  Vec low, high;

  [[gnu::always_inline]] static inline Patch load(const SparsePick& pick, const float* from) {
    Patch patch{};
    for (int row = 0; row < pick.rows; ++row) {
      const std::uint32_t mask = ((pick.width == 32 ? 0U : 1U << pick.width) - 1U) << (row * pick.width);
      const float* at = from + row * (pick.image_row - pick.width);
      patch.low = _mm512_mask_loadu_ps(patch.low, static_cast<__mmask16>(mask), at);
      if (kLarge) patch.high = _mm512_mask_loadu_ps(patch.high, static_cast<__mmask16>(mask >> 16), at + 16);
    }
    return patch;
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

/// Taps [tap, tap + kTaps) of kVecs vectors of channels from `c` on, of which the last has `rest` channels.
template <bool kLarge, int kTaps, int kVecs>
void pick_taps(const SparsePick& pick, int tap, std::int64_t c, int rest) {
  Vec sums[kVecs][kTaps];
  const auto part = [&](int v) { return v + 1 < kVecs ? kLanes : rest; };
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) {
      const float* from = pick.sums + (tap + t) * pick.channels + c + v * kLanes;
      sums[v][t] = part(v) == kLanes ? load(from) : load_part(from, part(v));
    }
  }
  std::int64_t at = c;
  for (std::int64_t window = 0; window < pick.window_count; ++window, at += pick.channels) {
    const auto patch = Patch<kLarge>::load(pick, pick.image + pick.windows[window]);
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) {
      const float* from = pick.gradients + at + v * kLanes;
      const Vec gradient = part(v) == kLanes ? load(from) : load_part(from, part(v));
      const VecInt begin = look_up(pick.places, load_bytes(pick.argmax + at + v * kLanes, part(v)));
#pragma GCC unroll 9
      for (int t = 0; t < kTaps; ++t) sums[v][t] = fma(gradient, patch.pick(begin + pick.taps[tap + t]), sums[v][t]);
    }
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) {
      float* to = pick.sums + (tap + t) * pick.channels + c + v * kLanes;
      part(v) == kLanes ? store(to, sums[v][t]) : store_part(to, part(v), sums[v][t]);
    }
  }
}

using Body = void (*)(const SparsePick&, int, std::int64_t, int);
template <bool kLarge, int kVecs>
struct Bodies {
  static constexpr Body kBodies[9] = {pick_taps<kLarge, 1, kVecs>, pick_taps<kLarge, 2, kVecs>, pick_taps<kLarge, 3, kVecs>,
                                      pick_taps<kLarge, 4, kVecs>, pick_taps<kLarge, 5, kVecs>, pick_taps<kLarge, 6, kVecs>,
                                      pick_taps<kLarge, 7, kVecs>, pick_taps<kLarge, 8, kVecs>, pick_taps<kLarge, 9, kVecs>};
};

void sparse_pick(const SparsePick& pick) {
  const bool large = pick.rows * pick.width > 16;
  for (std::int64_t c = 0; c < pick.channels; c += 2 * kLanes) {
    const std::int64_t channels = pick.channels - c < 2 * kLanes ? pick.channels - c : 2 * kLanes;
    const bool two = channels > kLanes;
    const Body* bodies = two ? (large ? Bodies<true, 2>::kBodies : Bodies<false, 2>::kBodies)
                             : (large ? Bodies<true, 1>::kBodies : Bodies<false, 1>::kBodies);
    const int rest = static_cast<int>(channels) - (two ? kLanes : 0);
    for (int tap = 0; tap < pick.tap_count; tap += 9) bodies[(pick.tap_count - tap < 9 ? pick.tap_count - tap : 9) - 1](pick, tap, c, rest);
  }
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
