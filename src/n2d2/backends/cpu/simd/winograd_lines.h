// The maps of Winograd's algorithm along one axis; along_both() makes those of tiles from them.
// A polynomial through outputs + 1 numbers and infinity stands for a line of a tile: F(2, 3) takes 0, 1, -1. F(4, 3) takes 0, p, -p, q, -q
// with p = sqrt(1/2), q = sqrt(2): rounding errors are a quarter of those of the usual 1, -1, 2, -2, since powers up to the fourth grow
// least.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

template <int kOutputs>
struct WinogradLine;

template <>
struct WinogradLine<2> {
  static constexpr int kOutputs = 2, kSide = 4;

  static inline void inputs(const Vec (&d)[4], Vec (&t)[4]) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[1] - d[3];
  }
  static inline void outputs(const Vec (&m)[4], Vec (&y)[2]) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) - m[3];
  }
  static inline void weights(const Vec (&g)[3], Vec (&t)[4]) {
    const Vec half = (g[0] + g[2]) * 0.5F, middle = g[1] * 0.5F;
    t[0] = g[0];
    t[1] = half + middle;
    t[2] = half - middle;
    t[3] = g[2];
  }
  /// The transposed map of outputs().
  static inline void gradients(const Vec (&dy)[2], Vec (&t)[4]) {
    t[0] = dy[0];
    t[1] = dy[0] + dy[1];
    t[2] = dy[0] - dy[1];
    t[3] = -dy[1];
  }
  /// The transposed map of weights().
  static inline void taps(const Vec (&s)[4], Vec (&g)[3]) {
    const Vec half = (s[1] + s[2]) * 0.5F;
    g[0] = s[0] + half;
    g[1] = (s[1] - s[2]) * 0.5F;
    g[2] = half + s[3];
  }
};

template <>
struct WinogradLine<4> {
  static constexpr int kOutputs = 4, kSide = 6;
  static constexpr float kP = 0.70710678F, kQ = 1.41421356F;

  static inline void inputs(const Vec (&d)[6], Vec (&t)[6]) {
    const Vec p = splat(kP), q = splat(kQ), two = splat(2.0F), half = splat(0.5F), both = splat(2.5F);
    const Vec even_p = d[4] - two * d[2], odd_p = d[3] - two * d[1], even_q = d[4] - half * d[2], odd_q = d[3] - half * d[1];
    t[0] = (d[4] - both * d[2]) + d[0];
    t[1] = even_p + p * odd_p;
    t[2] = even_p - p * odd_p;
    t[3] = even_q + q * odd_q;
    t[4] = even_q - q * odd_q;
    t[5] = (d[5] - both * d[3]) + d[1];
  }
  static inline void outputs(const Vec (&m)[6], Vec (&y)[4]) {
    const Vec even_p = m[1] + m[2], odd_p = (m[1] - m[2]) * kP, even_q = m[3] + m[4], odd_q = (m[3] - m[4]) * kQ;
    y[0] = m[0] + (even_p + even_q);
    y[1] = odd_p + odd_q;
    y[2] = 0.5F * even_p + 2.0F * even_q;
    y[3] = (0.5F * odd_p + 2.0F * odd_q) + m[5];
  }
  static inline void weights(const Vec (&g)[3], Vec (&t)[6]) {
    constexpr float kOfP = -2.0F / 3.0F, kOfQ = 1.0F / 6.0F;
    const Vec even_p = (g[0] + 0.5F * g[2]) * kOfP, odd_p = g[1] * (kP * kOfP), even_q = (g[0] + 2.0F * g[2]) * kOfQ,
              odd_q = g[1] * (kQ * kOfQ);
    t[0] = g[0];
    t[1] = even_p + odd_p;
    t[2] = even_p - odd_p;
    t[3] = even_q + odd_q;
    t[4] = even_q - odd_q;
    t[5] = g[2];
  }
  /// The transposed map of outputs().
  static inline void gradients(const Vec (&dy)[4], Vec (&t)[6]) {
    const Vec even_p = dy[0] + 0.5F * dy[2], odd_p = (dy[1] + 0.5F * dy[3]) * kP, even_q = dy[0] + 2.0F * dy[2],
              odd_q = (dy[1] + 2.0F * dy[3]) * kQ;
    t[0] = dy[0];
    t[1] = even_p + odd_p;
    t[2] = even_p - odd_p;
    t[3] = even_q + odd_q;
    t[4] = even_q - odd_q;
    t[5] = dy[3];
  }
  /// The transposed map of weights().
  static inline void taps(const Vec (&s)[6], Vec (&g)[3]) {
    constexpr float kOfP = -2.0F / 3.0F, kOfQ = 1.0F / 6.0F;
    const Vec even_p = (s[1] + s[2]) * kOfP, odd_p = (s[1] - s[2]) * (kP * kOfP), even_q = (s[3] + s[4]) * kOfQ,
              odd_q = (s[3] - s[4]) * (kQ * kOfQ);
    g[0] = s[0] + (even_p + even_q);
    g[1] = odd_p + odd_q;
    g[2] = (0.5F * even_p + 2.0F * even_q) + s[5];
  }
};

/// Maps of lines along the columns and then the rows of a tile; get(row, column) gives a number of it, put(row, column, v) takes one.
template <int kRows, int kToRows, int kColumns, int kToColumns, class Get, class Put>
static inline void along_both(void (*down)(const Vec (&)[kRows], Vec (&)[kToRows]),
                              void (*across)(const Vec (&)[kColumns], Vec (&)[kToColumns]), const Get& get, const Put& put) {
  Vec t[kToRows][kColumns];
#pragma GCC unroll 6
  for (int j = 0; j < kColumns; ++j) {
    Vec from[kRows], to[kToRows];
#pragma GCC unroll 6
    for (int i = 0; i < kRows; ++i) from[i] = get(i, j);
    down(from, to);
#pragma GCC unroll 6
    for (int i = 0; i < kToRows; ++i) t[i][j] = to[i];
  }
#pragma GCC unroll 6
  for (int i = 0; i < kToRows; ++i) {
    Vec to[kToColumns];
    across(t[i], to);
#pragma GCC unroll 6
    for (int j = 0; j < kToColumns; ++j) put(i, j, to[j]);
  }
}

}  // namespace n2d2::cpu::N2D2_ISA
