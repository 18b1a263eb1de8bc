// Gradients of convolutions of 3x3 taps by steps of two, by fewer multiplications: what simd/winograd_strided.cpp offers.
#pragma once
#include <cstdint>

#include "n2d2/backends/cpu/simd/conv.h"

namespace n2d2::cpu {

/// Rows of tiles in a channels-last image: where the lines and columns lie that belong together.
template <class Float>
struct StridedLines {
  Float* rows[5] = {};       ///< column 0 of each; null: outside of the image
  std::int64_t first = 0;    ///< column of the first tile's first number, may be outside
  std::int64_t step = 1;     ///< columns to the next number of a tile; may be negative
  std::int64_t tile = 0;     ///< and to the next tile
  std::int64_t columns = 0;  ///< of the image
  std::int64_t channels = 0;
};

/// Along an axis, every second input lies under the taps 0 and 2, of neighbouring outputs, and those between under tap 1. Four such inputs
/// of the first kind need five gradients of outputs, and F(4, 2) makes them by five products instead of eight; the others take four of
/// these. A tile is 4x4 inputs of one kind, [two taps down or one][two across or one]; those under one tap in both directions are not made
/// here. Numbers are written as [places, tile, channel], as WinogradBodies does; places of a kind lie in rows of places(its columns).
struct WinogradStridedBodies {
  static constexpr std::int64_t kOutputs = 4, kSide = 5, kSum = 65;  ///< kSum: places of all kinds
  static constexpr std::int64_t places(bool is_one) { return is_one ? 4 : 5; }

  /// A row of tiles of gradients of outputs to 5x5 places.
  void (*gradients)(const StridedLines<const float>& dy, std::int64_t tiles, float* to, std::int64_t place) = nullptr;
  /// Products to gradients of the inputs of a kind.
  void (*outputs[2][2])(const StridedLines<float>& dx, std::int64_t tiles, const float* products, std::int64_t place) = {};
  /// The weights of all kinds, one after the other, weight_place() floats from place to place; otherwise as WinogradBodies::pack. Taps are
  /// in the order in which a tile's gradients meet them.
  void (*pack)(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) = nullptr;

  /// For the gradient of the weights: inputs of a kind to places.
  void (*inputs[2][2])(const StridedLines<const float>& x, std::int64_t tiles, float* to, std::int64_t place) = {};
  /// Products summed over all tiles, `place` floats from place to place, to the taps of the kind, row by row, in their place.
  void (*taps[2][2])(float* sums, std::int64_t place) = {};
};

}  // namespace n2d2::cpu
