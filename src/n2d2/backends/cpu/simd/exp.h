// The exponential function on vectors, within 1 unit in the last place (2 without fused multiply-add).
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

/// exp(x) = 2^n * (1 + rest), rest in [-0.3, 0.42] with all its digits; n = 0 near x = 0.
struct ExpParts {
  VecInt n;
  Vec rest;
};

static inline ExpParts exp_parts(Vec x) {
  const Vec most = splat(89.0F), least = splat(-104.0F);  // beyond: infinity, and 0
  x = x > most ? most : x;                                // NaN stays
  x = x < least ? least : x;
  const Vec to_integer = splat(12582912.0F);  // 1.5 * 2^23: its last digit is 1
  const Vec shifted = fma(x, splat(1.44269504F), to_integer);
  const Vec n = shifted - to_integer;
  // ln 2 in two parts; n times the first is exact.
  const Vec r = fma(n, splat(2.12194440e-4F), fma(n, splat(-0.693359375F), x));
  // (exp(r) - 1 - r) / r^2 by Chebyshev interpolation on |r| <= ln(2) / 2: 7e-8 off.
  Vec q = splat(1.39263256e-3F);
  q = fma(q, r, splat(8.36329275e-3F));
  q = fma(q, r, splat(4.16665538e-2F));
  q = fma(q, r, splat(1.66665763e-1F));
  q = fma(q, r, splat(0.5F));
  return {reinterpret_cast<VecInt>(shifted) - reinterpret_cast<VecInt>(to_integer), fma(r * r, q, r)};
}

/// 2^n for n in [-126, 127].
static inline Vec power_of_two(VecInt n) { return reinterpret_cast<Vec>((n + 127) << 23); }

static inline Vec join(const ExpParts& parts) {
  const VecInt half = parts.n >> 1;  // in two factors: 2^128 is no float
  return (parts.rest + 1.0F) * power_of_two(half) * power_of_two(parts.n - half);
}

static inline Vec exp(Vec x) { return join(exp_parts(x)); }

}  // namespace n2d2::cpu::N2D2_ISA
