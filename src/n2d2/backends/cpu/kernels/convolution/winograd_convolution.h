// Convolutions of 3x3 taps by Winograd's algorithm, in rows of tiles: shared by the output, the gradient of the input, and max-pools
// behind.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// Whether the products that Winograd's tiles save are more than their transformations: enough channels, and enough outputs to use weights
/// often.
bool winograd_pays(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns);

/// The square tiles with the fewest products.
const WinogradBodies& winograd_squares(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns);

class WinogradConvolution {
 public:
  /// Nothing: operator bool() says so.
  WinogradConvolution() = default;
  WinogradConvolution(std::int64_t inputs, std::int64_t channels, const std::int64_t (&extents)[2]);

  explicit operator bool() const { return !regions_.empty(); }
  /// Wanted rows begin at multiples of this.
  std::int64_t step() const { return regions_[0].bodies->outputs[0]; }
  /// Rows or columns of the input that must exist.
  std::int64_t reads(int axis) const;
  std::int64_t scratch_floats() const;
  std::int64_t weight_floats() const { return weight_floats_; }
  /// See ConvBodies::pack.
  void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) const;

  /// What is wanted of every image.
  struct Task {
    const float* weights = nullptr;  ///< as pack() wrote them
    const float* bias = nullptr;
    bool relu = false;
    std::int64_t x_row = 0;  ///< floats between rows of the input
    plan::Range rows;
    float* y = nullptr;  ///< row rows.begin of the first image
    std::int64_t y_row = 0, y_image = 0;
    std::uint8_t* argmax = nullptr;  ///< not null: see WinogradRow
    float* scratch = nullptr;
  };
  /// `image(i)` gives the address of the input under the first tap of image i, and may write it over that of the image before.
  template <class Image>
  void run(const Task& task, std::int64_t images, const Image& image) const {
    for (const Region& region : regions_) {
      const plan::Range rows{std::max(task.rows.begin, region.rows.begin), std::min(task.rows.end, region.rows.end)};
      if (rows.end <= rows.begin) continue;
      Pending pending{rows, region.bodies->tiles(0, rows.size())};
      for (std::int64_t i = 0; i < images; ++i) add_image(task, region, image(i), pending);
      finish(task, region, pending);
    }
  }

 private:
  /// Outputs that are made in tiles of one kind.
  struct Region {
    const WinogradBodies* bodies = nullptr;
    plan::Range rows, columns;
    std::int64_t across = 0;   ///< tiles of a row
    std::int64_t most = 0;     ///< rows of tiles that are multiplied in one go
    std::int64_t weights = 0;  ///< where those of its places begin, in floats
  };
  /// Rows of tiles, counted through all images, whose inputs are transformed.
  struct Pending {
    plan::Range rows;
    std::int64_t down;  ///< rows of tiles of an image
    std::int64_t first = 0, count = 0;
  };
  void add_region(const WinogradBodies& bodies, plan::Range rows, plan::Range columns);
  bool is_few(const Region& region) const { return region.bodies->run_few != nullptr && in_ == simd().lanes && out_ == simd().lanes; }
  std::int64_t in_place(const Region& region) const;
  std::int64_t out_place(const Region& region) const;
  WinogradRow row_of(const Task& task, const Region& region, const Pending& pending, std::int64_t index) const;
  void add_image(const Task& task, const Region& region, const float* image, Pending& pending) const;
  void finish(const Task& task, const Region& region, Pending& pending) const;

  std::int64_t inputs_ = 0, channels_ = 0;
  std::int64_t in_ = 0, out_ = 0;  ///< floats of a tile in one place
  std::int64_t weight_floats_ = 0;
  std::vector<Region> regions_;
};

}  // namespace n2d2::cpu
