// Convolutions of 3x3 taps by fewer multiplications: what simd/winograd.cpp offers.
// Source: Lavin and Gray 2016, "Fast algorithms for convolutional neural networks", F(2x2, 3x3).
#pragma once
#include <cstdint>

#include "n2d2/backends/cpu/simd/conv.h"

namespace n2d2::cpu {

/// Outputs in tiles of 2x2, each from 4x4 inputs, all of which must exist: rows and columns of the input up to the next even
/// number of outputs, plus 2.
struct WinogradTask {
  const float* x = nullptr;        ///< the input under the first tap of output (0, 0)
  std::int64_t x_row = 0;          ///< floats between input rows; columns are neighbours
  std::int64_t inputs = 0;         ///< input channels
  const float* weights = nullptr;  ///< as WinogradBodies::pack wrote them
  const float* bias = nullptr;     ///< one per output channel, or null
  bool relu = false;
  float* y = nullptr;
  std::int64_t y_row = 0;  ///< floats between output rows; columns are neighbours
  std::int64_t rows = 0, columns = 0, channels = 0;
  /// Not null: y is a max-pool by windows of 2x2, as in ConvBodies::run_pooled; neighbours in a row of windows lie together.
  std::uint8_t* argmax = nullptr;
  float* scratch = nullptr;  ///< WinogradBodies::scratch_floats
};

struct WinogradBodies {
  void (*run)(const WinogradTask& task) = nullptr;
  /// Transforms nine taps, row by row, of output channels [first, end), which are whole panels of ConvBodies::panel.
  void (*pack)(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) = nullptr;
  std::int64_t (*weight_floats)(std::int64_t inputs, std::int64_t channels) = nullptr;
  /// For up to so many rows.
  std::int64_t (*scratch_floats)(std::int64_t rows, std::int64_t columns, std::int64_t inputs, std::int64_t channels) = nullptr;

  // The gradient of the weights. Tiles are written as [16 places, tile, channel]: `place` floats between places, whole vectors of channels.
  /// One row of tiles of inputs; `x_row` floats between rows of the input.
  void (*input_tiles)(const float* x, std::int64_t x_row, std::int64_t inputs, std::int64_t tiles, float* to, std::int64_t place) = nullptr;
  /// One row of tiles of output gradients, of which one or two rows of `columns` exist.
  void (*gradient_tiles)(const float* dy, std::int64_t rows, std::int64_t columns, std::int64_t channels, float* to,
                         std::int64_t place) = nullptr;
  /// Products summed over all tiles, 16 times `floats`, to nine taps, row by row, in their place; `floats` are whole vectors.
  void (*taps)(float* sums, std::int64_t floats) = nullptr;
};

}  // namespace n2d2::cpu
