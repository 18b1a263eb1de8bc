// Products of Winograd's tiles that are transformed back across before they leave the registers, for groups of tiles.
#pragma once
#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/winograd.h"

#if defined(__AVX512F__)
namespace n2d2::cpu::N2D2_ISA {

/// Tiles of a group: their sums of a row of places, and a vector of weights of each place, fit the registers.
template <class Columns>
constexpr int kGroup = 24 / Columns::kSide;

/// Of a tile's columns, of one vector of channels: [rows of places, columns of outputs, channel].
template <class Rows, class Columns>
constexpr std::int64_t kColumnFloats = Rows::kSide * Columns::kOutputs * kLanes;

/// Numbers of tiles in order [rows of places, group, vector of channels, columns of places, tile of the group, channel], from tile `start`.
template <class Columns>
struct InGroups {
  static constexpr std::int64_t kVector = Columns::kSide * kGroup<Columns> * kLanes;
  float* first;
  std::int64_t start, places_row, vectors;
  float* at(std::int64_t tile, std::int64_t c) const {
    const std::int64_t t = start + tile;
    return first + (t / kGroup<Columns> * vectors + c / kLanes) * kVector + t % kGroup<Columns> * kLanes;
  }
  std::int64_t row() const { return places_row; }
  static constexpr std::int64_t column() { return kGroup<Columns> * kLanes; }
};

/// How weights lie: floats from place to place, and from input to input.
struct WeightSteps {
  std::int64_t place, input;
};
/// Of one vector of channels on both sides.
struct FewWeightSteps {
  static constexpr std::int64_t place = kLanes * kLanes + WinogradBodies::kPlaceGap, input = kLanes;
};

/// `inputs` at `x`, in order [vector, columns of places, tile, channel], under a row of places of weights, to columns; `adds` to what is
/// there.
template <class Rows, class Columns, int kCount, class Steps>
void sum_group(const float* x, std::int64_t inputs, const float* weights, Steps steps, bool adds, float* to) {
  constexpr int kSide = Columns::kSide, kOutputs = Columns::kOutputs, kMost = kGroup<Columns>;
  Vec sums[kCount][kSide] = {};
  for (; inputs > 0; inputs -= kLanes, x += kSide * kMost * kLanes) {
    const std::int64_t count = inputs < kLanes ? inputs : kLanes;
    for (std::int64_t k = 0; k < count; ++k, weights += steps.input) {
#pragma GCC unroll 6
      for (int j = 0; j < kSide; ++j) {
        const Vec weight = load(weights + j * steps.place);
#pragma GCC unroll 6
        for (int i = 0; i < kCount; ++i) sums[i][j] = fma(splat(x[(j * kMost + i) * kLanes + k]), weight, sums[i][j]);
      }
    }
  }
#pragma GCC unroll 6
  for (int i = 0; i < kCount; ++i, to += kColumnFloats<Rows, Columns>) {
    Vec line[kOutputs];
    Columns::outputs(sums[i], line);
#pragma GCC unroll 4
    for (int j = 0; j < kOutputs; ++j) store(to + j * kLanes, adds ? load(to + j * kLanes) + line[j] : line[j]);
  }
}

/// By the number of tiles, less one.
template <class Rows, class Columns, class Steps>
struct GroupBodies {
  using Body = void (*)(const float*, std::int64_t, const float*, Steps, bool, float*);
  static constexpr int kMost = kGroup<Columns>, kFive = kMost < 5 ? kMost : 5, kSix = kMost < 6 ? kMost : 6;  // the others are not used
  static constexpr Body kAll[] = {sum_group<Rows, Columns, 1, Steps>,     sum_group<Rows, Columns, 2, Steps>,
                                  sum_group<Rows, Columns, 3, Steps>,     sum_group<Rows, Columns, 4, Steps>,
                                  sum_group<Rows, Columns, kFive, Steps>, sum_group<Rows, Columns, kSix, Steps>};
};

/// Sums are made in parts of ConvTask::kPart inputs, whose weights for a row of places stay in the first-level cache.
template <class Rows, class Columns>
void sum_columns(const WinogradColumns& task) {
  constexpr int kMost = kGroup<Columns>;
  const auto& bodies = GroupBodies<Rows, Columns, WeightSteps>::kAll;
  constexpr std::int64_t kPanel = 2 * kLanes, kVector = InGroups<Columns>::kVector;
  const std::int64_t vectors = (task.inputs + kLanes - 1) / kLanes;
  for (std::int64_t first = 0; first < task.inputs; first += ConvTask::kPart) {
    const std::int64_t count = task.inputs - first < ConvTask::kPart ? task.inputs - first : ConvTask::kPart;
    for (int row = 0; row < Rows::kSide; ++row) {
      for (std::int64_t c = 0; c < task.channels; c += kLanes) {
        const std::int64_t panel = c / kPanel * kPanel, k_step = task.channels - panel > kLanes ? kPanel : kLanes;
        const float* const weights =
            task.weights + row * Columns::kSide * task.weight_place + panel * task.inputs + first * k_step + c - panel;
        const float* x = task.x + row * task.x_row + first / kLanes * kVector;
        float* to = task.to + c / kLanes * task.to_vector + row * Columns::kOutputs * kLanes;
        for (std::int64_t left = task.tiles; left > 0; left -= kMost, x += vectors * kVector, to += kMost * kColumnFloats<Rows, Columns>) {
          bodies[(left < kMost ? left : kMost) - 1](x, count, weights, {task.weight_place, k_step}, first > 0, to);
        }
      }
    }
  }
}

}  // namespace n2d2::cpu::N2D2_ISA
#endif
