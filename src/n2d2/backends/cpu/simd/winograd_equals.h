// Outputs of a tile that are zero, or equal, since their inputs are: tiles of four rows or columns make them so but for rounding, and a
// Relu or MaxPool behind would choose otherwise.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/winograd.h"

namespace n2d2::cpu::N2D2_ISA {

static inline bool is_everywhere(VecInt condition) {
#if defined(__AVX512F__)
  return _mm512_movepi32_mask(reinterpret_cast<__m512i>(condition)) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_ps(reinterpret_cast<__m256>(condition)) == 0xff;
#else
  return (condition[0] & condition[1] & condition[2] & condition[3]) != 0;
#endif
}

/// Pixels of a row of tiles, `row` and `column` counted from the first input of a tile.
struct WinogradPixels {
  const WinogradInput& input;
  std::int64_t first;     ///< column of the tile's first input
  std::int64_t channels;  ///< that are looked at

  inline const float* at(int row, int column) const {
    const std::int64_t found = first + column;
    return found >= 0 && found < input.columns ? input.rows[row] + found * input.channels : input.zeros;
  }
  template <class Condition>
  inline bool everywhere(const Condition& condition) const {
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      const int part = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
      if (!is_everywhere(condition(c, part))) return false;
    }
    return true;
  }
  inline bool is_zero(int row, int column) const {
    const float* p = at(row, column);
    return everywhere([=](std::int64_t c, int part) { return load_part(p + c, part) == Vec{}; });
  }
  inline bool are_equal(int row, int column, int other_row, int other_column) const {
    const float *p = at(row, column), *q = at(other_row, other_column);
    return everywhere([=](std::int64_t c, int part) { return load_part(p + c, part) == load_part(q + c, part); });
  }
};

/// What find_equals() says of an output: four bits of a column of a tile, by row, for each.
enum WinogradEqual { kIsZero = 0, kIsLeft = 4, kIsAbove = 8 };

/// Of one tile; see WinogradBodies::find_equals.
template <class Rows, class Columns>
[[gnu::noinline]] static std::uint64_t equals_of_tile(const WinogradPixels& pixels) {
  std::uint32_t bits[Columns::kSide] = {};
  for (int j = 0; j < Columns::kSide; ++j) {
    std::uint32_t zero = 0, left = 0, above = 0;
    for (int i = 0; i < Rows::kSide; ++i) {
      zero |= static_cast<std::uint32_t>(pixels.is_zero(i, j)) << i;
      left |= static_cast<std::uint32_t>(j > 0 && pixels.are_equal(i, j, i, j - 1)) << i;
      above |= static_cast<std::uint32_t>(i > 0 && pixels.are_equal(i, j, i - 1, j)) << i;
    }
    const auto of_outputs = [](std::uint32_t inputs) { return inputs & inputs >> 1 & inputs >> 2 & 15U; };
    bits[j] = of_outputs(zero) << kIsZero | of_outputs(left) << kIsLeft | of_outputs(above) << kIsAbove;
  }
  std::uint64_t found = 0;
  for (int j = 0; j < Columns::kOutputs; ++j) found |= std::uint64_t{bits[j] & bits[j + 1] & bits[j + 2]} << 16 * j;
  return found;
}

/// Whether equals_of_tile() may find something, from the four inputs in the middle and one vector of channels. An output sees one of them;
/// if it is not in a corner it sees two neighbours, and if it has a left or upper neighbour it sees what that one sees of their neighbours.
template <class Rows, class Columns>
static inline bool may_have_equals(const WinogradPixels& pixels) {
  constexpr int kRow = Rows::kOutputs / 2, kColumn = Columns::kOutputs / 2;
  const int part = pixels.channels < kLanes ? static_cast<int>(pixels.channels) : kLanes;
  const Vec a = load_part(pixels.at(kRow, kColumn), part), b = load_part(pixels.at(kRow, kColumn + 1), part);
  const Vec c = load_part(pixels.at(kRow + 1, kColumn), part), d = load_part(pixels.at(kRow + 1, kColumn + 1), part);
  const Vec zero{};
  return is_everywhere(a == b) || is_everywhere(c == d) || is_everywhere(a == c) || is_everywhere(b == d) || is_everywhere(a == zero) ||
         is_everywhere(b == zero) || is_everywhere(c == zero) || is_everywhere(d == zero);
}

template <class Rows, class Columns>
void find_equals(const WinogradInput& input, std::int64_t tiles, std::uint64_t* to) {
  WinogradPixels pixels{input, input.first, input.channels};
  for (std::int64_t tile = 0; tile < tiles; ++tile, pixels.first += Columns::kOutputs) {
    to[tile] = may_have_equals<Rows, Columns>(pixels) ? equals_of_tile<Rows, Columns>(pixels) : 0;
  }
}

/// Outputs of a tile, before the bias, where find_equals() found some: those become zero or equal; NaN stays. `distinct`: the same, but
/// less than all others where a left or upper neighbour in the same window of 2x2 is equal.
template <int kRows, int kColumns>
static inline void settle_equals(std::uint64_t equals, Vec (&out)[kRows][kColumns], Vec (&distinct)[kRows][kColumns]) {
  for (int j = 0; j < kColumns; ++j, equals >>= 16) {
    for (int i = 0; i < kRows; ++i) {
      const auto is = [&](WinogradEqual what) { return (equals >> (what + i) & 1U) != 0; };
      Vec& value = out[i][j];
      if (is(kIsZero)) {
        value = value == value ? Vec{} : value;
      } else if (is(kIsLeft)) {
        value = out[i][j - 1];
      } else if (is(kIsAbove)) {
        value = out[i - 1][j];
      }
      const bool repeats = (j % 2 == 1 && is(kIsLeft)) || (i % 2 == 1 && is(kIsAbove));
      distinct[i][j] = repeats ? splat(-__FLT_MAX__) : value;
    }
  }
}

}  // namespace n2d2::cpu::N2D2_ISA
