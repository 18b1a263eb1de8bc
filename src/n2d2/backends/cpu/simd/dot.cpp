// Matrix products of few rows as scalar products of vectors.
#include <utility>

#include "n2d2/backends/cpu/simd/multiply_add.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

// Columns of a tile of four rows: its sums, a vector of each column and one of a row must fit the registers.
#if defined(__AVX512F__)
constexpr int kTileColumns = 4;
#else
constexpr int kTileColumns = 3;
#endif

/// Sum of the lanes: always of one half and the other.
template <int kHalf, int... l>
static inline float sum(Vec v, std::integer_sequence<int, l...> each) {
  if constexpr (kHalf == 0) {
    return v[0];
  } else {
    return sum<kHalf / 2>(v + __builtin_shufflevector(v, v, (l ^ kHalf)...), each);
  }
}

/// kRows x kColumns scalar products of vectors of length k; what is left over of k sits in the last vector, padded by zeros.
template <int kRows, int kColumns>
void dot_tile(const GemmTask& task, std::int64_t i0, std::int64_t j0) {
  const float* a = task.a + i0 * task.a_m;
  const float* b = task.b + j0 * task.b_n;
  Vec sums[kRows][kColumns];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) sums[i][j] = Vec{};
  }
  const auto add = [&](auto read, std::int64_t k) __attribute__((always_inline)) {
    Vec column[kColumns];
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) column[j] = read(b + j * task.b_n + k);
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const Vec row = read(a + i * task.a_m + k);
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) multiply_add(sums[i][j], row, column[j]);
    }
  };
  std::int64_t k = 0;
  for (; k + kLanes <= task.k; k += kLanes) add([](const float* p) { return load(p); }, k);
  const int left = static_cast<int>(task.k - k);
  if (left > 0) add([left](const float* p) { return load_part(p, left); }, k);
  constexpr auto kEach = std::make_integer_sequence<int, kLanes>{};
  float totals[kRows][kColumns];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) totals[i][j] = sum<kLanes / 2>(sums[i][j], kEach);
  }
  for (int i = 0; i < kRows; ++i) {
    for (int j = 0; j < kColumns; ++j) {
      float value = task.alpha * totals[i][j];
      if (task.c != nullptr) value += task.beta * task.c[(i0 + i) * task.c_m + (j0 + j) * task.c_n];
      task.y[(i0 + i) * task.y_m + j0 + j] = value;
    }
  }
}

void dot(const GemmTask& task) {
  using Body = void (*)(const GemmTask&, std::int64_t, std::int64_t);
  constexpr Body kDots[4][2] = {{dot_tile<1, kTileColumns>, dot_tile<1, 1>},
                                {dot_tile<2, kTileColumns>, dot_tile<2, 1>},
                                {dot_tile<3, kTileColumns>, dot_tile<3, 1>},
                                {dot_tile<4, kTileColumns>, dot_tile<4, 1>}};
  for (std::int64_t i = 0; i < task.m; i += 4) {
    const Body* bodies = kDots[(task.m - i < 4 ? task.m - i : 4) - 1];
    std::int64_t j = 0;
    for (; j + kTileColumns <= task.n; j += kTileColumns) bodies[0](task, i, j);
    for (; j < task.n; ++j) bodies[1](task, i, j);
  }
}

}  // namespace

void add_dot(Simd& table);
void add_dot(Simd& table) { table.gemm.dot = dot; }

}  // namespace n2d2::cpu::N2D2_ISA
