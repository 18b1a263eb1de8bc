// Winograd's algorithm for 3x3 taps: inputs and weights are transformed to places, where a matrix product per place stands for the
// convolution.
#include "n2d2/backends/cpu/simd/winograd.h"

#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/winograd_close.h"
#include "n2d2/backends/cpu/simd/winograd_columns.h"
#include "n2d2/backends/cpu/simd/winograd_equals.h"
#include "n2d2/backends/cpu/simd/winograd_inputs.h"
#include "n2d2/backends/cpu/simd/winograd_lines.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

static inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// Numbers of tiles in order [places, tile, channel].
struct InOrder {
  float* first;
  std::int64_t place, stride, column_places;
  float* at(std::int64_t tile, std::int64_t c) const { return first + tile * stride + c; }
  std::int64_t row() const { return column_places * place; }
  std::int64_t column() const { return place; }
};

template <class Rows, class Columns>
void input_tiles(const WinogradInput& input, std::int64_t tiles, float* to, std::int64_t place) {
  transform_inputs<Rows, Columns>(input, tiles, InOrder{to, place, whole_vectors(input.channels), Columns::kSide});
}

/// A tile's outputs, before the bias, for one vector of channels to a max-pool's windows; `left` columns of outputs are there, all of the
/// tile's if kWhole. `distinct`: the same, but for those known to equal an earlier one of their window; `any_equal`: there may be some.
template <bool kWhole, int kRows, int kColumns>
static inline void put_pooled(const WinogradRow& row, const Vec (&out)[kRows][kColumns], const Vec (&distinct)[kRows][kColumns], Vec bias,
                              std::int64_t left, bool any_equal, float* y, std::uint8_t* argmax, int part) {
  const WinogradDoubt doubt(out, any_equal);
#pragma GCC unroll 2
  for (int i = 0; i < kRows / 2; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kColumns / 2; ++j) {
      if (!kWhole && (2 * i >= row.rows || 2 * j >= left)) continue;
      MaxPlace best{out[2 * i][2 * j], VecInt{}};
      best.consider(out[2 * i][2 * j + 1], 1);
      best.consider(out[2 * i + 1][2 * j], 2);
      best.consider(out[2 * i + 1][2 * j + 1], 3);
      VecInt is_close{};
      if (row.close != nullptr) is_close = doubt.of(best.value, second_of(distinct, i, j), bias, row.relu);
      best.value = bias + best.value;
      if (row.relu) best.relu();
      if (row.close != nullptr && is_anywhere(is_close)) {
        add_close(*row.close, is_close, y + i * row.y_row + j * row.channels - row.y, part);
      }
      best.put(y + i * row.y_row + j * row.channels, argmax + i * row.y_row + j * row.channels, part);
    }
  }
}

/// The same where find_equals() found some.
template <bool kWhole, int kRows, int kColumns>
[[gnu::noinline]] static void put_with_equals(const WinogradRow& row, Vec (&out)[kRows][kColumns], Vec bias, std::int64_t left,
                                              std::uint64_t equals, float* y, std::uint8_t* argmax, int part) {
  Vec distinct[kRows][kColumns];
  settle_equals(equals, out, distinct);
  put_pooled<kWhole>(row, out, distinct, bias, left, true, y, argmax, part);
}

/// One vector of channels of a tile, before the bias, to y, and argmax, from the tile's first on.
template <bool kWhole, int kRows, int kColumns>
static inline void put_tile(const WinogradRow& row, Vec (&out)[kRows][kColumns], Vec bias, std::int64_t left, float* y,
                            std::uint64_t equals, std::uint8_t* argmax, int part) {
  if (argmax != nullptr) {
    if (equals == 0) return put_pooled<kWhole>(row, out, out, bias, left, false, y, argmax, part);
    Vec copy[kRows][kColumns];  // so that outputs of other tiles stay in registers
    __builtin_memcpy(copy, out, sizeof out);
    return put_with_equals<kWhole>(row, copy, bias, left, equals, y, argmax, part);
  }
  const Vec least = splat(row.relu ? 0.0F : -__builtin_inff());
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kColumns; ++j) {
      if (!kWhole && (i >= row.rows || j >= left)) continue;
      float* const to = y + i * row.y_row + j * row.channels;
      const Vec sum = bias + out[i][j], value = sum <= least ? least : sum;  // NaN stays
      part == kLanes ? store(to, value) : store_part(to, part, value);
    }
  }
}

/// Outputs of a row of tiles; products(tile, channel, out) makes those of one vector of channels.
template <class Rows, class Columns, class Products>
static inline void put_tiles(const WinogradRow& row, const Products& products) {
  constexpr int kOutputs = Columns::kOutputs;
  const std::int64_t step = (row.argmax != nullptr ? kOutputs / 2 : kOutputs) * row.channels;  // of y, from tile to tile
  for (std::int64_t left = row.columns, tile = 0; left > 0; left -= kOutputs, ++tile) {
    const std::uint64_t equals = row.equals == nullptr ? 0 : row.equals[tile];
    const bool is_whole = left >= kOutputs && row.rows >= Rows::kOutputs;
    for (std::int64_t c = 0; c < row.channels; c += kLanes) {
      const int part = row.channels - c < kLanes ? static_cast<int>(row.channels - c) : kLanes;
      Vec bias{}, out[Rows::kOutputs][kOutputs];
      if (row.bias != nullptr) bias = part == kLanes ? load(row.bias + c) : load_part(row.bias + c, part);
      products(tile, c, out);
      float* const y = row.y + tile * step + c;
      std::uint8_t* const argmax = row.argmax == nullptr ? nullptr : row.argmax + tile * step + c;
      if (is_whole) {
        put_tile<true>(row, out, bias, left, y, equals, argmax, part);
      } else {
        put_tile<false>(row, out, bias, left, y, equals, argmax, part);
      }
    }
  }
}

template <class Rows, class Columns>
void output_tiles(const WinogradRow& row, const float* products, std::int64_t place) {
  const std::int64_t stride = whole_vectors(row.channels);
  put_tiles<Rows, Columns>(row, [=](std::int64_t tile, std::int64_t c, Vec(&out)[Rows::kOutputs][Columns::kOutputs]) {
    const float* const from = products + tile * stride + c;
    along_both(
        Rows::outputs, Columns::outputs, [=](int i, int j) { return load(from + (i * Columns::kSide + j) * place); },
        [&](int i, int j, Vec value) { out[i][j] = value; });
  });
}

#if defined(__AVX512F__)
template <class Rows, class Columns>
void input_groups(const WinogradInput& input, std::int64_t tiles, std::int64_t first, float* to, std::int64_t row) {
  transform_inputs<Rows, Columns>(input, tiles, InGroups<Columns>{to, first, row, whole_vectors(input.channels) / kLanes});
}

template <class Rows, class Columns>
void column_outputs(const WinogradRow& row, const float* columns, std::int64_t vector) {
  put_tiles<Rows, Columns>(row, [=](std::int64_t tile, std::int64_t c, Vec(&out)[Rows::kOutputs][Columns::kOutputs]) {
    const float* const from = columns + c / kLanes * vector + tile * kColumnFloats<Rows, Columns>;
#pragma GCC unroll 4
    for (int j = 0; j < Columns::kOutputs; ++j) {
      Vec line[Rows::kSide], made[Rows::kOutputs];
#pragma GCC unroll 6
      for (int i = 0; i < Rows::kSide; ++i) line[i] = load(from + (i * Columns::kOutputs + j) * kLanes);
      Rows::outputs(line, made);
#pragma GCC unroll 4
      for (int i = 0; i < Rows::kOutputs; ++i) out[i][j] = made[i];
    }
  });
}

template <class Rows, class Columns>
void run_few(const WinogradRow& row, const WinogradInput& input, float* scratch) {
  constexpr int kMost = kGroup<Columns>, kRow = Columns::kSide * kMost * kLanes;
  const std::int64_t across = (row.columns + Columns::kOutputs - 1) / Columns::kOutputs, groups = (across + kMost - 1) / kMost;
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t first = across * group / groups, count = across * (group + 1) / groups - first;
    const std::int64_t column = Columns::kOutputs * first;
    float* const columns = scratch + Rows::kSide * kRow;
    WinogradInput inputs = input;
    inputs.first += column;
    WinogradRow outputs = row;
    outputs.columns = row.columns - column < Columns::kOutputs * count ? row.columns - column : Columns::kOutputs * count;
    outputs.y += column * row.channels;
    input_groups<Rows, Columns>(inputs, count, 0, scratch, kRow);
    for (int i = 0; i < Rows::kSide; ++i) {
      GroupBodies<Rows, Columns, FewWeightSteps>::kAll[count - 1](scratch + i * kRow, kLanes,
                                                                  row.weights + i * Columns::kSide * FewWeightSteps::place, {}, false,
                                                                  columns + i * Columns::kOutputs * kLanes);
    }
    column_outputs<Rows, Columns>(outputs, columns, 0);
  }
}
#endif

template <class Rows, class Columns>
void add_to(WinogradBodies& bodies) {
  bodies.outputs[0] = Rows::kOutputs;
  bodies.outputs[1] = Columns::kOutputs;
  bodies.input_tiles = input_tiles<Rows, Columns>;
  bodies.find_equals = find_equals<Rows, Columns>;
  bodies.output_tiles = output_tiles<Rows, Columns>;
#if defined(__AVX512F__)
  bodies.group = kGroup<Columns>;
  bodies.input_groups = input_groups<Rows, Columns>;
  bodies.sum_columns = sum_columns<Rows, Columns>;
  bodies.column_outputs = column_outputs<Rows, Columns>;
  bodies.run_few = run_few<Rows, Columns>;
  bodies.few_scratch_floats = (bodies.places() + Rows::kSide * Columns::kOutputs) * kGroup<Columns> * kLanes;
#endif
}

}  // namespace

void add_winograd(Simd& table);
void add_winograd(Simd& table) {
  using Two = WinogradLine<2>;
  using Four = WinogradLine<4>;
  add_to<Two, Two>(table.winograd[0][0]);
  add_to<Two, Four>(table.winograd[0][1]);
  add_to<Four, Two>(table.winograd[1][0]);
  add_to<Four, Four>(table.winograd[1][1]);
}

}  // namespace n2d2::cpu::N2D2_ISA
