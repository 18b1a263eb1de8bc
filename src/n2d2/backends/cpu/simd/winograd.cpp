// Winograd's algorithm for 3x3 taps: inputs and weights are transformed to places, where a matrix product per place stands for the
// convolution.
#include "n2d2/backends/cpu/simd/winograd.h"

#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/winograd_close.h"
#include "n2d2/backends/cpu/simd/winograd_equals.h"
#include "n2d2/backends/cpu/simd/winograd_lines.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

static inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <class Rows, class Columns>
void input_tiles(const WinogradInput& input, std::int64_t tiles, float* to, std::int64_t place) {
  constexpr int kDown = Rows::kSide, kAcross = Columns::kSide, kStep = Columns::kOutputs;
  const std::int64_t stride = whole_vectors(input.channels);
  for (std::int64_t c = 0; c < input.channels; c += kLanes) {
    const int part = input.channels - c < kLanes ? static_cast<int>(input.channels - c) : kLanes;
    Vec t[kDown][kAcross];  // transformed along the columns; the last two are the next tile's first
    const auto column = [&](int j, std::int64_t offset) {
      const std::int64_t at = input.first + offset;
      Vec from[kDown] = {}, line[kDown];
      if (at >= 0 && at < input.columns) {
#pragma GCC unroll 6
        for (int i = 0; i < kDown; ++i) {
          const float* one = input.rows[i] + at * input.channels + c;
          from[i] = part == kLanes ? load(one) : load_part(one, part);
        }
      }
      Rows::inputs(from, line);
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) t[i][j] = line[i];
    };
    column(kStep, 0);
    column(kStep + 1, 1);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) {
        t[i][0] = t[i][kStep];
        t[i][1] = t[i][kStep + 1];
      }
#pragma GCC unroll 4
      for (int j = 2; j < kAcross; ++j) column(j, tile * kStep + j);
      float* const first = to + tile * stride + c;
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) {
        Vec line[kAcross];
        Columns::inputs(t[i], line);
#pragma GCC unroll 6
        for (int j = 0; j < kAcross; ++j) store(first + (i * kAcross + j) * place, line[j]);
      }
    }
  }
}

/// A tile's outputs, before the bias, for one vector of channels to a max-pool's windows; `left` columns of outputs are there, all of the
/// tile's if kWhole. `any_equal`: find_equals() found some.
template <bool kWhole, int kRows, int kColumns>
static inline void put_pooled(const WinogradRow& row, const Vec (&out)[kRows][kColumns], Vec bias, std::int64_t left, bool any_equal,
                              float* y, std::uint8_t* argmax, int part) {
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
      if (row.close != nullptr) is_close = doubt.of(best.value, second_of(out, i, j), bias, row.relu);
      best.value = bias + best.value;
      if (row.relu) best.relu();
      if (row.close != nullptr && is_anywhere(is_close)) {
        add_close(*row.close, is_close, y + i * row.y_row + j * row.channels - row.y, part);
      }
      best.put(y + i * row.y_row + j * row.channels, argmax + i * row.y_row + j * row.channels, part);
    }
  }
}

/// One vector of channels of a tile from its products to y, and argmax, from the tile's first on.
template <class Rows, class Columns, bool kWhole>
static inline void output_tile(const WinogradRow& row, const float* products, std::int64_t place, Vec bias, std::int64_t left, float* y,
                               std::uint64_t equals, std::uint8_t* argmax, int part) {
  const auto get = [&](int i, int j) { return load(products + (i * Columns::kSide + j) * place); };
  if (argmax != nullptr) {
    Vec out[Rows::kOutputs][Columns::kOutputs];
    along_both(Rows::outputs, Columns::outputs, get, [&](int i, int j, Vec value) { out[i][j] = value; });
    if (equals != 0) settle_equals(equals, out);
    return put_pooled<kWhole>(row, out, bias, left, equals != 0, y, argmax, part);
  }
  const Vec least = splat(row.relu ? 0.0F : -__builtin_inff());
  along_both(Rows::outputs, Columns::outputs, get, [&](int i, int j, Vec value) {
    if (!kWhole && (i >= row.rows || j >= left)) return;
    float* to = y + i * row.y_row + j * row.channels;
    value = bias + value;
    value = value <= least ? least : value;  // NaN stays
    part == kLanes ? store(to, value) : store_part(to, part, value);
  });
}

template <class Rows, class Columns>
void output_tiles(const WinogradRow& row, const float* products, std::int64_t place) {
  constexpr int kOutputs = Columns::kOutputs;
  const std::int64_t stride = whole_vectors(row.channels);
  const std::int64_t step = (row.argmax != nullptr ? kOutputs / 2 : kOutputs) * row.channels;  // of y, from tile to tile
  for (std::int64_t left = row.columns, tile = 0; left > 0; left -= kOutputs, ++tile) {
    const std::uint64_t equals = row.equals == nullptr ? 0 : row.equals[tile];
    const bool is_whole = left >= kOutputs && row.rows >= Rows::kOutputs;
    for (std::int64_t c = 0; c < row.channels; c += kLanes) {
      const int part = row.channels - c < kLanes ? static_cast<int>(row.channels - c) : kLanes;
      Vec bias{};
      if (row.bias != nullptr) bias = part == kLanes ? load(row.bias + c) : load_part(row.bias + c, part);
      const float* const from = products + tile * stride + c;
      float* const y = row.y + tile * step + c;
      std::uint8_t* const argmax = row.argmax == nullptr ? nullptr : row.argmax + tile * step + c;
      if (is_whole) {
        output_tile<Rows, Columns, true>(row, from, place, bias, left, y, equals, argmax, part);
      } else {
        output_tile<Rows, Columns, false>(row, from, place, bias, left, y, equals, argmax, part);
      }
    }
  }
}

#if defined(__AVX512F__)
// One vector of channels on both sides: all that a few tiles need stays in the first-level cache, and products are transformed back
// across before they leave the registers.
template <class Columns>
constexpr int kFewTiles = 24 / Columns::kSide;  // sums of a row of places, and a vector of weights of each, fit the registers

/// From tiles next to each other, at `x` in order [places, tile, channel], to their columns: [rows of places, outputs, tile, channel].
template <class Columns, int kCount>
void few_products(int rows, const float* x, const float* weights, float* to) {
  constexpr int kSide = Columns::kSide, kOutputs = Columns::kOutputs, kPlace = kLanes * kLanes + WinogradBodies::kPlaceGap;
  for (int row = 0; row < rows; ++row, x += kSide * kCount * kLanes, weights += kSide * kPlace, to += kOutputs * kCount * kLanes) {
    Vec sums[kCount][kSide] = {};
    for (int k = 0; k < kLanes; ++k) {
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        const Vec weight = load(weights + j * kPlace + k * kLanes);
#pragma GCC unroll 6
        for (int i = 0; i < kCount; ++i) sums[i][j] = fma(splat(x[(j * kCount + i) * kLanes + k]), weight, sums[i][j]);
      }
    }
#pragma GCC unroll 6
    for (int i = 0; i < kCount; ++i) {
      Vec line[kOutputs];
      Columns::outputs(sums[i], line);
#pragma GCC unroll 4
      for (int j = 0; j < kOutputs; ++j) store(to + (j * kCount + i) * kLanes, line[j]);
    }
  }
}

/// The columns of one tile, `count` tiles being there, to outputs.
template <class Rows, class Columns>
static inline void few_finish(const WinogradRow& row, const float* columns, std::int64_t count, float* y, std::int64_t left) {
  constexpr int kOutputs = Columns::kOutputs, kSide = Rows::kSide;
  const Vec bias = row.bias == nullptr ? Vec{} : load(row.bias);
  for (std::int64_t j = 0; j < kOutputs && j < left; ++j, y += kLanes) {
    Vec line[kSide], out[Rows::kOutputs];
#pragma GCC unroll 6
    for (int i = 0; i < kSide; ++i) line[i] = load(columns + (kOutputs * i + j) * count * kLanes);
    Rows::outputs(line, out);
#pragma GCC unroll 4
    for (int i = 0; i < Rows::kOutputs; ++i) {
      if (i >= row.rows) break;
      const Vec value = bias + out[i];
      store(y + i * row.y_row, row.relu ? (value <= Vec{} ? Vec{} : value) : value);
    }
  }
}

template <class Rows, class Columns>
void run_few(const WinogradRow& row, const WinogradInput& input, float* scratch) {
  using Products = void (*)(int, const float*, const float*, float*);
  constexpr int kOutputs = Columns::kOutputs, kPlaces = Rows::kSide * Columns::kSide, kMost = kFewTiles<Columns>;
  constexpr int kFive = kMost < 5 ? kMost : 5, kSix = kMost < 6 ? kMost : 6;  // the others are not used
  constexpr Products kProducts[] = {few_products<Columns, 1>, few_products<Columns, 2>,     few_products<Columns, 3>,
                                    few_products<Columns, 4>, few_products<Columns, kFive>, few_products<Columns, kSix>};
  const std::int64_t across = (row.columns + kOutputs - 1) / kOutputs, groups = (across + kMost - 1) / kMost;
  for (std::int64_t group = 0; group < groups; ++group) {
    const std::int64_t first = across * group / groups, count = across * (group + 1) / groups - first;
    float* const products = scratch + kPlaces * count * kLanes;
    WinogradInput part = input;
    part.first += kOutputs * first;
    input_tiles<Rows, Columns>(part, count, scratch, count * kLanes);
    kProducts[count - 1](Rows::kSide, scratch, row.weights, products);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t column = kOutputs * (first + i);
      few_finish<Rows, Columns>(row, products + i * kLanes, count, row.y + column * kLanes, row.columns - column);
    }
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
  bodies.run_few = run_few<Rows, Columns>;
  bodies.few_scratch_floats = (bodies.places() + Rows::kSide * Columns::kOutputs) * kFewTiles<Columns> * kLanes;
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
