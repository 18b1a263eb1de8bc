// Functions of one number on vectors, within 3 units in the last place. The polynomials are least-maximum fits of the function
// named, made for these ranges. Numbers below 1.2e-38 count as zero, as everywhere in a step.
#pragma once
#include "n2d2/backends/cpu/simd/exp.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

static inline VecInt bits_of(Vec x) { return reinterpret_cast<VecInt>(x); }
static inline Vec from_bits(VecInt bits) { return reinterpret_cast<Vec>(bits); }
static inline VecInt sign_bit(Vec x) { return bits_of(x) & static_cast<std::int32_t>(0x80000000U); }
static inline Vec abs(Vec x) { return from_bits(bits_of(x) & 0x7fffffff); }
/// `size`, which is not negative, with the sign of x.
static inline Vec with_sign(Vec size, Vec x) { return from_bits(bits_of(size) | sign_bit(x)); }
static inline Vec infinity() { return splat(__builtin_inff()); }
static inline Vec not_a_number() { return splat(__builtin_nanf("")); }

static inline bool any(VecInt mask) {
#if defined(__AVX512F__)
  return _mm512_test_epi32_mask(reinterpret_cast<__m512i>(mask), reinterpret_cast<__m512i>(mask)) != 0;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(from_bits(mask)) != 0;
#else
  return __builtin_ia32_movmskps(from_bits(mask)) != 0;
#endif
}

/// Half to even.
static inline Vec round(Vec x) {
  const Vec size = abs(x), whole = splat(8388608.0F);  // 2^23: from here on there is no fraction
  return size < whole ? with_sign((size + whole) - whole, x) : x;
}
static inline Vec floor(Vec x) {
  const Vec near = round(x);
  return near > x ? near - 1.0F : near;
}
static inline Vec ceil(Vec x) { return -floor(-x); }
/// -1, 0 or 1; 0 for NaN.
static inline Vec sign(Vec x) { return x == Vec{} || x != x ? Vec{} : with_sign(splat(1.0F), x); }

/// exp(x) - 1, all digits of a small one.
static inline Vec expm1(Vec x) {
  x = x < -30.0F ? splat(-30.0F) : x;
  const ExpParts parts = exp_parts(x);
  const Vec half = power_of_two(parts.n - 1);  // of 2^n, which may be no float
  const Vec y = fma(half, parts.rest, half - 0.5F);
  return y + y;
}

static inline Vec tanh(Vec x) {
  Vec size = abs(x);
  size = size > 10.0F ? splat(10.0F) : size;  // 1 from 9.02 on
  const Vec above_one = expm1(size + size);
  return with_sign(above_one / (above_one + 2.0F), x);
}

static inline Vec sigmoid(Vec x) { return 1.0F / (1.0F + exp(-x)); }

/// The logarithm of a positive finite number.
static inline Vec log_positive(Vec x) {
  const VecInt n = (bits_of(x) - 0x3f3504f3) >> 23;  // x = 2^n (1 + f), 1 + f from the root of 1/2 to that of 2
  const Vec f = from_bits(bits_of(x) - (n << 23)) - 1.0F;
  // (log(1 + f) - f + f^2 / 2) / f^3
  Vec q = splat(-0.0785923377F);
  q = fma(q, f, splat(0.128813788F));
  q = fma(q, f, splat(-0.131287739F));
  q = fma(q, f, splat(0.141812325F));
  q = fma(q, f, splat(-0.166245565F));
  q = fma(q, f, splat(0.200022846F));
  q = fma(q, f, splat(-0.250008106F));
  q = fma(q, f, splat(0.333333164F));
  const Vec count = __builtin_convertvector(n, Vec);
  // ln 2 in two parts; n times the first is exact. f comes last: what is added to it is small.
  const Vec small = fma(f * f, fma(f, q, splat(-0.5F)), count * -2.12194440e-4F);
  return fma(count, splat(0.693359375F), small + f);
}
static inline Vec log_special(Vec x, Vec y) { return x > Vec{} ? (x < infinity() ? y : x) : x == Vec{} ? -infinity() : not_a_number(); }
static inline Vec log(Vec x) { return log_special(x, log_positive(x)); }

/// log(1 + x), all digits of a small x.
static inline Vec log1p(Vec x) {
  const Vec sum = 1.0F + x;
  const Vec lost = x < 1.0F ? x - (sum - 1.0F) : 1.0F - (sum - x);
  return log_special(sum, log_positive(sum) + lost / sum);
}
/// log(1 + exp(x)).
static inline Vec softplus(Vec x) { return (x > Vec{} ? x : (x != x ? x : Vec{})) + log1p(exp(-abs(x))); }

static inline Vec erf(Vec x) {
  const Vec size = abs(x), square = x * x;
  // erf(x) / x - 1 in x^2 for x < 1
  Vec near = splat(7.88912439e-5F);
  near = fma(near, square, splat(-8.0208428e-4F));
  near = fma(near, square, splat(5.18953567e-3F));
  near = fma(near, square, splat(-2.68544443e-2F));
  near = fma(near, square, splat(0.112836003F));
  near = fma(near, square, splat(-0.37612626F));
  near = fma(near, square, splat(0.128379166F));
  // log(1 - erf(x)) for x from 1 to 4; from 3.92 on erf is 1
  const Vec t = size > 4.0F ? splat(4.0F) : size;
  Vec far = splat(1.8556467e-4F);
  far = fma(far, t, splat(-2.93952273e-3F));
  far = fma(far, t, splat(2.18050089e-2F));
  far = fma(far, t, splat(-0.103036784F));
  far = fma(far, t, splat(-0.638226271F));
  far = fma(far, t, splat(-1.12703967F));
  far = fma(far, t, splat(-3.53793002e-4F));
  return size < 1.0F ? fma(x, near, x) : with_sign(1.0F - exp(far), x);
}

/// sin(x + quarters * pi / 2).
static inline Vec sine(Vec x, std::int32_t quarters) {
  if (any(abs(x) > 8192.0F)) {  // too far for the reduction below
    Vec y{};
    for (int i = 0; i < kLanes; ++i) y[i] = quarters == 0 ? __builtin_sinf(x[i]) : __builtin_cosf(x[i]);
    return y;
  }
  const Vec to_integer = splat(12582912.0F);  // 1.5 * 2^23: its last digit is 1
  const Vec shifted = fma(x, splat(0.636619772F), to_integer);
  const Vec n = shifted - to_integer;
  // pi / 2 in three parts; n times the first two is exact.
  const Vec r = fma(n, splat(-7.54979013e-8F), fma(n, splat(-4.83751297e-4F), fma(n, splat(-1.5703125F), x)));
  const VecInt quarter = bits_of(shifted) + quarters;
  const Vec square = r * r;
  // (sin(r) - r) / r^3 and (cos(r) - 1 + r^2 / 2) / r^4 in r^2 for r up to pi / 4
  const Vec s = fma(fma(splat(-1.9585494e-4F), square, splat(8.33273772e-3F)), square, splat(-0.166666642F));
  const Vec c = fma(fma(splat(2.45455194e-5F), square, splat(-1.3888292e-3F)), square, splat(4.16666642e-2F));
  const Vec sin_r = fma(r * square, s, r), cos_r = fma(square * square, c, fma(square, splat(-0.5F), splat(1.0F)));
  const Vec y = (quarter & 1) != 0 ? cos_r : sin_r;
  return from_bits(bits_of(y) ^ ((quarter & 2) << 30));
}
static inline Vec sin(Vec x) { return sine(x, 0); }
static inline Vec cos(Vec x) { return sine(x, 1); }

}  // namespace n2d2::cpu::N2D2_ISA
