// How the gradients of 3x3 taps by steps of two are cut into tiles, see simd/winograd_strided.h: shared by those of the input and the
// weights.
#pragma once
#include <cstdint>
#include <string>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/simd/winograd_strided.h"

namespace n2d2::cpu {

/// An axis of the image. Its inputs are taken in pairs, one under tap 1 and one under taps 0 and 2; a tile is four pairs.
struct StridedAxis {
  std::int64_t inputs = 0, outputs = 0;
  bool reversed = false;    ///< the input under tap 1 is the second of a pair, and tiles begin at their end
  std::int64_t output = 0;  ///< under whose tap 1 the first pair lies

  StridedAxis() = default;
  StridedAxis(const Convolution& conv, int axis);
  std::int64_t pairs() const { return (inputs + 1) / 2; }
  std::int64_t tiles() const { return (pairs() + 3) / 4; }
  std::int64_t step() const { return reversed ? -1 : 1; }
  /// Of the two taps over an input, in the order in which a tile's gradients meet them.
  std::int64_t tap(std::int64_t i) const { return reversed ? 2 * i : 2 - 2 * i; }
  /// The first input under tap 1, and how many there are.
  std::int64_t first_one() const { return reversed ? 1 : 0; }
  std::int64_t ones() const { return (inputs - first_one() + 1) / 2; }
  /// Inputs and outputs of a tile: the place of the first number.
  std::int64_t input(std::int64_t tile, bool is_one) const { return 2 * first(tile) + (is_one == reversed ? 1 : 0); }
  std::int64_t gradient(std::int64_t tile) const { return output + first(tile); }

 private:
  std::int64_t first(std::int64_t tile) const { return 4 * tile + (reversed ? 3 : 0); }
};

struct StridedTiles {
  StridedAxis axes[2];
  std::int64_t channels[2] = {};  ///< of input and output

  StridedTiles() = default;
  explicit StridedTiles(const Convolution& conv);
  std::int64_t count() const { return axes[0].tiles() * axes[1].tiles(); }
  /// Of an image's row of tiles.
  StridedLines<const float> gradients(const float* dy, std::int64_t row) const;
  template <class Float>
  StridedLines<Float> inputs(Float* x, std::int64_t row, bool one_down, bool one_across) const {
    return lines(x, 4, 2, axes[0].input(row, one_down), axes[1].input(0, one_across), {axes[0].inputs, axes[1].inputs}, channels[0]);
  }

 private:
  template <class Float>
  StridedLines<Float> lines(Float* image, int rows, std::int64_t step, std::int64_t row, std::int64_t column,
                            const std::int64_t (&extent)[2], std::int64_t floats) const {
    StridedLines<Float> made{.first = column, .step = step * axes[1].step(), .tile = 4 * step, .columns = extent[1], .channels = floats};
    for (int i = 0; i < rows; ++i) {
      const std::int64_t at = row + i * step * axes[0].step();
      if (at >= 0 && at < extent[0]) made.rows[i] = image + at * extent[1] * floats;
    }
    return made;
  }
};

/// The kinds of tiles: whether there is one tap down and across.
struct StridedKind {
  bool one_down, one_across;
  std::int64_t rows() const { return WinogradStridedBodies::places(one_down); }
  std::int64_t columns() const { return WinogradStridedBodies::places(one_across); }
  std::int64_t places() const { return rows() * columns(); }
  /// Where the gradients lie that meet a place.
  std::int64_t of_gradients(std::int64_t place) const { return place / columns() * WinogradStridedBodies::kSide + place % columns(); }
};
constexpr StridedKind kStridedKinds[] = {{false, false}, {false, true}, {true, false}};

/// Why the gradients of a convolution are not made in such tiles, or an empty text.
std::string refuses_strided_tiles(const Convolution& conv);

}  // namespace n2d2::cpu
