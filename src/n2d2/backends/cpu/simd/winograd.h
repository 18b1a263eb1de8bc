// Convolutions of 3x3 taps by fewer multiplications: what simd/winograd*.cpp offer.
// Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks": F(2x2, 3x3), F(4x4, 3x3) and those between.
#pragma once
#include <cstdint>

#include "n2d2/backends/cpu/simd/conv.h"

namespace n2d2::cpu {

/// What a row of tiles reads: rows of a channels-last image, and zeros outside of it.
struct WinogradInput {
  const float* rows[6] = {};     ///< column 0 of each; those outside the image are `zeros`
  const float* zeros = nullptr;  ///< a row of them
  std::int64_t first = 0;        ///< column of the first tile's first input, may be outside
  std::int64_t columns = 0;      ///< of the image
  std::int64_t channels = 0;
};

/// Windows of a max-pool where rounding may have made the choice, by their places in y.
struct WinogradClose {
  std::int32_t* places = nullptr;  ///< room for all windows of a row of tiles
  std::int64_t count = 0;
};

/// Outputs of an image in one row of tiles.
struct WinogradRow {
  std::int64_t channels = 0;
  std::int64_t columns = 0;        ///< outputs that exist; the last tile may reach beyond
  std::int64_t rows = 0;           ///< the same of rows, at most those of a tile
  const float* weights = nullptr;  ///< as WinogradBodies::pack wrote them
  const float* bias = nullptr;     ///< one per output channel, or null
  bool relu = false;
  float* y = nullptr;
  std::int64_t y_row = 0;  ///< floats between output rows; columns are neighbours
  /// Not null: y is a max-pool by windows of 2x2, as in ConvBodies::run_pooled; neighbours in a row of windows lie together.
  std::uint8_t* argmax = nullptr;
  const std::uint64_t* equals = nullptr;  ///< with argmax: one per tile, as find_equals() wrote them; null: nothing is known
  WinogradClose* close = nullptr;         ///< with argmax: takes the windows that are to be settled; null: none are
};

/// Products of some tiles at one place. Tiles lie in whole vectors of channels one behind the other.
struct WinogradProducts {
  const float* x = nullptr;
  const float* weights = nullptr;  ///< of the place, as WinogradBodies::pack wrote them
  float* y = nullptr;
  std::int64_t tiles = 0, inputs = 0, channels = 0;
};

/// Products of some tiles, transformed back across: columns of outputs for each row of places.
struct WinogradColumns {
  const float* x = nullptr;  ///< as input_groups() wrote them
  std::int64_t x_row = 0;    ///< floats between rows of places
  std::int64_t tiles = 0, inputs = 0, channels = 0;
  const float* weights = nullptr;  ///< as WinogradBodies::pack wrote them
  std::int64_t weight_place = 0;   ///< floats between places
  float* to = nullptr;             ///< [vector of channels, tile, rows of places, columns of outputs, channel]
  std::int64_t to_vector = 0;      ///< floats between vectors of channels
};

/// Tiles of some rows and columns of outputs, each from two rows and columns more of inputs, and as many places.
/// Tiles of numbers at their places are written as [places, tile, channel]: `place` floats between places, whole vectors of channels.
struct WinogradBodies {
  /// Floats, a line of the cache, more from place to place than the tiles take: series of lines that lie a power of two apart displace each
  /// other.
  static constexpr std::int64_t kPlaceGap = 16;

  std::int64_t outputs[2] = {};

  std::int64_t places() const { return (outputs[0] + 2) * (outputs[1] + 2); }
  /// Tiles of so many rows or columns of outputs.
  std::int64_t tiles(int axis, std::int64_t extent) const { return (extent + outputs[axis] - 1) / outputs[axis]; }

  /// One row of tiles of inputs.
  void (*input_tiles)(const WinogradInput& input, std::int64_t tiles, float* to, std::int64_t place) = nullptr;
  /// Which outputs of each tile see nothing but zeros or the same as their left or upper neighbour in the tile.
  void (*find_equals)(const WinogradInput& input, std::int64_t tiles, std::uint64_t* to) = nullptr;
  /// Products of a row of tiles to outputs.
  void (*output_tiles)(const WinogradRow& row, const float* products, std::int64_t place) = nullptr;
  /// Transforms nine taps, row by row, of output channels [first, end), which are whole panels of ConvBodies::panel, to weights as
  /// ConvBodies::run wants them, weight_place() floats after those of the place before.
  void (*pack)(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) = nullptr;
  std::int64_t (*weight_place)(std::int64_t inputs, std::int64_t channels) = nullptr;

  // The same where products of several places stay in the registers until they are transformed back across; null, and no group, if the
  // instruction set has no such bodies. Weights are in panels of two whole vectors.
  std::int64_t group = 0;  ///< tiles that are multiplied together
  /// One row of tiles of inputs, from tile `first` on, in order [rows of places, group, vector of channels, columns of places, tile of the
  /// group, channel]: `row` floats between rows of places.
  void (*input_groups)(const WinogradInput& input, std::int64_t tiles, std::int64_t first, float* to, std::int64_t row) = nullptr;
  void (*sum_columns)(const WinogradColumns& task) = nullptr;
  /// Columns of a row of tiles to outputs; `vector`: see WinogradColumns::to_vector.
  void (*column_outputs)(const WinogradRow& row, const float* columns, std::int64_t vector) = nullptr;

  /// All of a row of tiles in one go where one vector takes the channels on both sides; null if the instruction set has no such body.
  void (*run_few)(const WinogradRow& row, const WinogradInput& input, float* scratch) = nullptr;
  std::int64_t few_scratch_floats = 0;

  // For the gradient of the weights, of square tiles.
  /// One row of tiles of output gradients, of which `rows` x `columns` exist.
  void (*gradient_tiles)(const float* dy, std::int64_t rows, std::int64_t columns, std::int64_t channels, float* to,
                         std::int64_t place) = nullptr;
  /// Products summed over all tiles, places() times `floats`, to nine taps, row by row, in their place; `floats` are whole vectors.
  void (*taps)(float* sums, std::int64_t floats) = nullptr;
};

}  // namespace n2d2::cpu
