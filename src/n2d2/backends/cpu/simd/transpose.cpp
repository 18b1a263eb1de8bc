// Copies that change which index is the fastest one.
#include <xmmintrin.h>

#include <utility>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

using Lanes = std::make_integer_sequence<int, kLanes>;

/// Vector k of the elements of n columns, side by side: column m % n, row m / n for the m-th.
template <int n, int k, int... l>
static inline Vec mixed(const Vec (&columns)[n], std::integer_sequence<int, l...>) {
  Vec result = __builtin_shufflevector(columns[0], columns[0], ((k * kLanes + l) / n)...);
  const auto mix = [&](auto index) {
    constexpr int j = decltype(index)::value;
    const Vec taken = __builtin_shufflevector(columns[j], columns[j], ((k * kLanes + l) / n)...);
    result = __builtin_shufflevector(result, taken, ((k * kLanes + l) % n == j ? kLanes + l : l)...);
  };
  [&]<int... j>(std::integer_sequence<int, j...>) {
    (mix(std::integral_constant<int, j + 1>{}), ...);
  }(std::make_integer_sequence<int, n - 1>{});
  return result;
}

template <int n, int... k>
static inline void store_mixed(const Vec (&columns)[n], float* to, std::integer_sequence<int, k...>) {
  (store(to + k * kLanes, mixed<n, k>(columns, Lanes{})), ...);
}

/// n columns that lie side by side in the copy, such as the channels of a picture.
template <int n>
void interleave(const float* from, std::int64_t from_column, float* to, std::int64_t rows) {
  std::int64_t i = 0;
  for (; i + kLanes <= rows; i += kLanes) {
    Vec columns[n];
    for (int j = 0; j < n; ++j) columns[j] = load(from + i + j * from_column);
    store_mixed<n>(columns, to + i * n, std::make_integer_sequence<int, n>{});
  }
  for (; i < rows; ++i) {
    for (int j = 0; j < n; ++j) to[i * n + j] = from[i + j * from_column];
  }
}

/// Column k of n that lie side by side in these vectors.
template <int n, int k, int... l>
static inline Vec picked(const Vec (&mixed)[n], std::integer_sequence<int, l...>) {
  Vec result = mixed[0];
  const auto pick = [&](auto index) {
    constexpr int j = decltype(index)::value;
    const Vec taken = __builtin_shufflevector(mixed[j], mixed[j], ((l * n + k) % kLanes)...);
    result = j == 0 ? taken : __builtin_shufflevector(result, taken, ((l * n + k) / kLanes == j ? kLanes + l : l)...);
  };
  [&]<int... j>(std::integer_sequence<int, j...>) { (pick(std::integral_constant<int, j>{}), ...); }(std::make_integer_sequence<int, n>{});
  return result;
}

template <int n, int... k>
static inline void store_picked(const Vec (&mixed)[n], float* to, std::int64_t to_row, std::integer_sequence<int, k...>) {
  (store(to + k * to_row, picked<n, k>(mixed, Lanes{})), ...);
}

/// The other way round: n rows that lie side by side in the original.
template <int n>
void separate(const float* from, float* to, std::int64_t to_row, std::int64_t columns) {
  std::int64_t j = 0;
  for (; j + kLanes <= columns; j += kLanes) {
    Vec mixed[n];
    for (int k = 0; k < n; ++k) mixed[k] = load(from + j * n + k * kLanes);
    store_picked<n>(mixed, to + j, to_row, std::make_integer_sequence<int, n>{});
  }
  for (; j < columns; ++j) {
    for (int k = 0; k < n; ++k) to[k * to_row + j] = from[j * n + k];
  }
}

/// Rows a and b lie d apart. In every 2 d x 2 d block the upper right d x d elements change places with the lower left ones: what becomes
/// of a, and below of b.
template <int d, int... l>
static inline Vec upper(Vec a, Vec b, std::integer_sequence<int, l...>) {
  return __builtin_shufflevector(a, b, ((l & d) != 0 ? kLanes + l - d : l)...);
}
template <int d, int... l>
static inline Vec lower(Vec a, Vec b, std::integer_sequence<int, l...>) {
  return __builtin_shufflevector(a, b, ((l & d) != 0 ? kLanes + l : l + d)...);
}

template <int d>
static inline void change_over(Vec (&rows)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & d) != 0) continue;
    const Vec a = rows[i], b = rows[i + d];
    rows[i] = upper<d>(a, b, Lanes{});
    rows[i + d] = lower<d>(a, b, Lanes{});
  }
  if constexpr (2 * d < kLanes) change_over<2 * d>(rows);
}

/// kLanes columns of kLanes elements each: whole cache lines on both sides with AVX-512, however far apart the columns lie.
static inline void transpose_square(const float* from, std::int64_t from_column, float* to, std::int64_t to_row) {
  Vec rows[kLanes];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) rows[i] = load(from + i * from_column);
  change_over<1>(rows);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) store(to + i * to_row, rows[i]);
}

/// What is left over beside the squares.
void transpose_rest(const float* from, std::int64_t from_column, float* to, std::int64_t to_row, std::int64_t rows, std::int64_t columns) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    std::int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const float* x = from + i + j * from_column;
      float* y = to + i * to_row + j;
      __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + from_column), c = _mm_loadu_ps(x + 2 * from_column),
             d = _mm_loadu_ps(x + 3 * from_column);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(y, a);
      _mm_storeu_ps(y + to_row, b);
      _mm_storeu_ps(y + 2 * to_row, c);
      _mm_storeu_ps(y + 3 * to_row, d);
    }
    for (; j < columns; ++j) {
      for (std::int64_t k = i; k < i + 4; ++k) to[k * to_row + j] = from[k + j * from_column];
    }
  }
  for (; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) to[i * to_row + j] = from[i + j * from_column];
  }
}

void transpose(const float* from, std::int64_t from_column, float* to, std::int64_t to_row, std::int64_t rows, std::int64_t columns) {
  if (to_row == columns && columns == 2) return interleave<2>(from, from_column, to, rows);
  if (to_row == columns && columns == 3) return interleave<3>(from, from_column, to, rows);
  if (to_row == columns && columns == 4) return interleave<4>(from, from_column, to, rows);
  if (to_row == columns && columns == 6) return interleave<6>(from, from_column, to, rows);
  if (from_column == rows && rows == 2) return separate<2>(from, to, to_row, columns);
  if (from_column == rows && rows == 3) return separate<3>(from, to, to_row, columns);
  if (from_column == rows && rows == 4) return separate<4>(from, to, to_row, columns);
  if constexpr (kLanes == 4) return transpose_rest(from, from_column, to, to_row, rows, columns);  // squares of four itself, and sooner
  const std::int64_t square_rows = rows / kLanes * kLanes, square_columns = columns / kLanes * kLanes;
  for (std::int64_t i = 0; i < square_rows; i += kLanes) {
    for (std::int64_t j = 0; j < square_columns; j += kLanes) {
      transpose_square(from + i + j * from_column, from_column, to + i * to_row + j, to_row);
    }
  }
  transpose_rest(from + square_columns * from_column, from_column, to + square_columns, to_row, square_rows, columns - square_columns);
  transpose_rest(from + square_rows, from_column, to + square_rows * to_row, to_row, rows - square_rows, columns);
}

}  // namespace

void add_transpose(Simd& table);
void add_transpose(Simd& table) { table.transpose = transpose; }

}  // namespace n2d2::cpu::N2D2_ISA
