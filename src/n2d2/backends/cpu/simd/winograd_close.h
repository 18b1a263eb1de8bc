// Choices of a max-pool, and of a Relu behind it, that rounding may have made: which of a window's outputs is the largest, and whether it
// is above zero, where they are nearer to each other than tiles round.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/winograd.h"

namespace n2d2::cpu::N2D2_ISA {

static inline bool is_anywhere(VecInt condition) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(condition)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(condition)) != 0;
#else
  return (condition[0] | condition[1] | condition[2] | condition[3]) != 0;
#endif
}

static inline Vec magnitude(Vec a) { return max(a, -a); }

/// The second largest output of window (i, j) of a tile.
template <int kRows, int kColumns>
static inline Vec second_of(const Vec (&out)[kRows][kColumns], int i, int j) {
  const Vec a = out[2 * i][2 * j], b = out[2 * i][2 * j + 1], c = out[2 * i + 1][2 * j], d = out[2 * i + 1][2 * j + 1];
  return max(min(max(a, b), max(c, d)), max(min(a, b), min(c, d)));
}

/// What is nearer than outputs of a tile round, by channel.
class WinogradDoubt {
 public:
  /// `any_zero`: exact zeros are known to be so, and in no doubt.
  template <int kRows, int kColumns>
  inline WinogradDoubt(const Vec (&out)[kRows][kColumns], bool any_zero) {
    Vec largest{};
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) largest = max(largest, magnitude(out[i][j]));
    }
    // An estimate, no bound: on noise errors are some 2e-6 of it; where the terms of all outputs cancel each other they may be more.
    near_ = largest * 0x1p-16F;
    least_ = splat(any_zero ? __FLT_MIN__ : 0.0F);
  }
  /// Whether a window's choice is in doubt, from its largest and second largest output before the bias.
  inline VecInt of(Vec best, Vec second, Vec bias, bool relu) const {
    const Vec gap = best - second, value = bias + best, size = magnitude(value);
    const VecInt of_pool = gap < near_;
    return relu ? (of_pool & (value > -near_)) | ((size < near_) & (size >= least_)) : of_pool;
  }

 private:
  Vec near_, least_;
};

/// Adds the windows of a vector of channels, of which `part` exist, from `place` on.
[[gnu::noinline]] static void add_close(WinogradClose& close, VecInt which, std::int64_t place, int part) {
  for (int lane = 0; lane < part; ++lane) {
    if (which[lane] != 0) close.places[close.count++] = static_cast<std::int32_t>(place + lane);
  }
}

}  // namespace n2d2::cpu::N2D2_ISA
