// Sums of arrays.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

void accumulate(const float* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(to + i) + load(from + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_part(to + i, rest, load_part(to + i, rest) + load_part(from + i, rest));
  }
}

/// Up to four vectors of columns. Four sums per column: additions need not wait for each other, and lose fewer digits.
template <int kVecs>
void sum_columns(const float* x, std::int64_t rows, std::int64_t columns, int last, float* sums) {
  constexpr int kChains = 4;
  Vec total[kChains][kVecs] = {};
  const auto add = [&](const float* row, int chain) {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) {
      const float* from = row + j * kLanes;
      total[chain][j] += j + 1 < kVecs || last == kLanes ? load(from) : load_part(from, last);
    }
  };
  std::int64_t row = 0;
  for (; row + kChains <= rows; row += kChains, x += kChains * columns) {
#pragma GCC unroll 4
    for (int chain = 0; chain < kChains; ++chain) add(x + chain * columns, chain);
  }
  for (; row < rows; ++row, x += columns) add(x, 0);
  for (int j = 0; j < kVecs; ++j) {
    const Vec sum = (total[0][j] + total[1][j]) + (total[2][j] + total[3][j]);
    float* to = sums + j * kLanes;
    if (j + 1 < kVecs || last == kLanes) {
      store(to, load(to) + sum);
    } else {
      store_part(to, last, load_part(to, last) + sum);
    }
  }
}

void sum_rows(const float* x, std::int64_t rows, std::int64_t columns, float* sums) {
  constexpr int kMost = 4;
  using Body = void (*)(const float*, std::int64_t, std::int64_t, int, float*);
  constexpr Body kBodies[kMost] = {sum_columns<1>, sum_columns<2>, sum_columns<3>, sum_columns<4>};
  for (std::int64_t j = 0; j < columns; j += kMost * kLanes) {
    const std::int64_t width = columns - j < kMost * kLanes ? columns - j : kMost * kLanes;
    const int vecs = static_cast<int>((width + kLanes - 1) / kLanes);
    kBodies[vecs - 1](x + j, rows, columns, static_cast<int>(width - (vecs - 1) * kLanes), sums + j);
  }
}

}  // namespace

void add_accumulate(Simd& table);
void add_accumulate(Simd& table) {
  table.accumulate = accumulate;
  table.sum_rows = sum_rows;
}

}  // namespace n2d2::cpu::N2D2_ISA
