// A vector of floats as two of doubles, and reductions of rows: for sums that must not lose digits.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

typedef double VecDouble __attribute__((vector_size(kVecBytes)));
typedef double VecDoubleAnywhere __attribute__((vector_size(kVecBytes), aligned(8), may_alias));
typedef float VecOfHalf __attribute__((vector_size(kVecBytes / 2)));

struct Doubles {
  VecDouble low, high;
};

static inline Doubles widen(Vec v) {
#if defined(__AVX512F__)
  const VecOfHalf low = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  const VecOfHalf high = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
#elif defined(__AVX2__)
  const VecOfHalf low = __builtin_shufflevector(v, v, 0, 1, 2, 3);
  const VecOfHalf high = __builtin_shufflevector(v, v, 4, 5, 6, 7);
#else
  const VecOfHalf low = __builtin_shufflevector(v, v, 0, 1);
  const VecOfHalf high = __builtin_shufflevector(v, v, 2, 3);
#endif
  return {__builtin_convertvector(low, VecDouble), __builtin_convertvector(high, VecDouble)};
}

static inline Vec narrow(Doubles v) {
  const VecOfHalf low = __builtin_convertvector(v.low, VecOfHalf), high = __builtin_convertvector(v.high, VecOfHalf);
#if defined(__AVX512F__)
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif defined(__AVX2__)
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return __builtin_shufflevector(low, high, 0, 1, 2, 3);
#endif
}

/// Adds to the doubles at p. No `auto` for the pointer: it would forget that they may lie anywhere.
static inline void add_to(double* p, VecDouble v) { *reinterpret_cast<VecDoubleAnywhere*>(p) += v; }

static inline double sum(VecDouble v) {
  double total = 0;
#pragma GCC unroll 8
  for (int i = 0; i < kLanes / 2; ++i) total += v[i];
  return total;
}

/// The largest lane.
static inline float largest(Vec v) {
#pragma GCC unroll 4
  for (int step = kLanes / 2; step > 0; step /= 2) {
    VecInt other{};
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) other[i] = i ^ step;
    v = max(v, __builtin_shuffle(v, other));
  }
  return v[0];
}

/// As load_part, with `fill` in the other lanes; n may be kLanes or more.
static inline Vec load_filled(const float* p, std::int64_t n, Vec fill) {
  if (n >= kLanes) return load(p);
#if defined(__AVX512F__)
  return _mm512_mask_loadu_ps(fill, static_cast<__mmask16>((1U << n) - 1U), p);
#else
  for (int i = 0; i < kLanes - 1 && i < n; ++i) fill[i] = p[i];
  return fill;
#endif
}
static inline Vec load_row(const float* p, std::int64_t n) { return load_filled(p, n, Vec{}); }
static inline void store_row(float* p, std::int64_t n, Vec v) {
  if (n >= kLanes) return store(p, v);
  store_part(p, static_cast<int>(n), v);
}

}  // namespace n2d2::cpu::N2D2_ISA
