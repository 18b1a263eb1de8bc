// Weights of 3x3 taps at the places of Winograd's algorithm, and their gradients: what simd/winograd.h offers for them.
#include "n2d2/backends/cpu/simd/conv_weights.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/winograd_lines.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// Channels [j, j + kLanes) of a block's input `i`, of which `left` are there and `padded` are written.
template <class Rows, class Columns>
static inline void transform_channels(const WeightBlock& block, std::int64_t i, std::int64_t j, std::int64_t left, std::int64_t padded,
                                      float* to, std::int64_t place) {
  const auto tap = [&](int row, int column) { return block.channels(3 * row + column, i) + j; };
  const auto at = [&](int row, int column) { return to + (row * Columns::kSide + column) * place; };
  if (left - j >= kLanes) {
    return along_both(
        Rows::weights, Columns::weights, [&](int row, int column) { return load(tap(row, column)); },
        [&](int row, int column, Vec value) { store(at(row, column), value); });
  }
  const int part = static_cast<int>(left - j), room = static_cast<int>(padded - j < kLanes ? padded - j : kLanes);
  along_both(
      Rows::weights, Columns::weights, [&](int row, int column) { return load_part(tap(row, column), part); },
      [&](int row, int column, Vec value) { store_part(at(row, column), room, value); });
}

std::int64_t weight_place(std::int64_t inputs, std::int64_t channels) {
  constexpr std::int64_t kGap = WinogradBodies::kPlaceGap;
  return (table().conv.packed_floats(inputs, channels) + kGap - 1) / kGap * kGap + kGap;
}

template <class Rows, class Columns>
void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) {
  const std::int64_t inputs = weights.inputs, place = weight_place(inputs, weights.channels);
  const std::int64_t panel = table().conv.panel(weights.channels), width = panel / 2, most = WeightBlock::inputs(9);
  WeightBlock block;
  for (std::int64_t m = first; m < end; m += panel) {
    const std::int64_t left = end - m < panel ? end - m : panel, padded = (left + width - 1) / width * width;
    for (std::int64_t k = 0; k < inputs; k += most) {
      const std::int64_t count = inputs - k < most ? inputs - k : most;
      block.fill(weights, 0, 9, k, count, m, left);
      for (std::int64_t i = 0; i < count; ++i) {
        float* to = packed + m * inputs + (k + i) * padded;
        for (std::int64_t j = 0; j < padded; j += kLanes) transform_channels<Rows, Columns>(block, i, j, left, padded, to + j, place);
      }
    }
  }
}

/// One vector of channels of a tile of output gradients; `kWhole`: `rows` x `columns` and all channels of the vector are there.
template <class Line, bool kWhole>
static inline void gradient_tile(const float* dy, std::int64_t row_floats, std::int64_t column_floats, std::int64_t rows,
                                 std::int64_t columns, int part, float* to, std::int64_t place) {
  const auto get = [=](std::int64_t row, std::int64_t column) {
    const float* from = dy + row * row_floats + column * column_floats;
    return kWhole ? load(from) : row < rows && column < columns ? load_part(from, part) : Vec{};
  };
  along_both(Line::gradients, Line::gradients, get,
             [=](int row, int column, Vec value) { store(to + (row * Line::kSide + column) * place, value); });
}

template <class Line>
void gradient_tiles(const float* dy, std::int64_t rows, std::int64_t columns, std::int64_t channels, float* to, std::int64_t place) {
  constexpr int kOutputs = Line::kOutputs;
  const std::int64_t stride = (channels + kLanes - 1) / kLanes * kLanes, row_floats = columns * channels;
  for (std::int64_t left = columns; left > 0; left -= kOutputs, dy += kOutputs * channels, to += stride) {
    const bool is_whole = rows >= kOutputs && left >= kOutputs;
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      const int part = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
      const auto tile = is_whole && part == kLanes ? gradient_tile<Line, true> : gradient_tile<Line, false>;
      tile(dy + c, row_floats, channels, rows, left, part, to + c, place);
    }
  }
}

template <class Line>
void taps(float* sums, std::int64_t floats) {
  for (std::int64_t i = 0; i < floats; i += kLanes) {
    along_both(
        Line::taps, Line::taps, [&](int row, int column) { return load(sums + i + (row * Line::kSide + column) * floats); },
        [&](int row, int column, Vec value) { store(sums + i + (3 * row + column) * floats, value); });
  }
}

template <class Rows, class Columns>
void add_to(WinogradBodies& bodies) {
  bodies.pack = pack<Rows, Columns>;
  bodies.weight_place = weight_place;
}

template <class Line>
void add_gradients(WinogradBodies& bodies) {
  bodies.gradient_tiles = gradient_tiles<Line>;
  bodies.taps = taps<Line>;
}

}  // namespace

void add_winograd_weights(Simd& table);
void add_winograd_weights(Simd& table) {
  using Two = WinogradLine<2>;
  using Four = WinogradLine<4>;
  add_to<Two, Two>(table.winograd[0][0]);
  add_to<Two, Four>(table.winograd[0][1]);
  add_to<Four, Two>(table.winograd[1][0]);
  add_to<Four, Four>(table.winograd[1][1]);
  add_gradients<Two>(table.winograd[0][0]);
  add_gradients<Four>(table.winograd[1][1]);
}

}  // namespace n2d2::cpu::N2D2_ISA
