// Convolutions of 3x3 taps by Winograd's algorithm, in rows of tiles: shared by the output, the gradient of the input, and max-pools
// behind.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// Channels are padded to whole vectors.
inline std::int64_t whole_vectors(std::int64_t floats) { return (floats + simd().lanes - 1) / simd().lanes * simd().lanes; }

/// Whether the products that Winograd's tiles save are more than their transformations: enough channels, and enough outputs to use weights
/// often.
bool winograd_pays(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns);

/// The square tiles with the fewest products.
const WinogradBodies& winograd_squares(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns);

/// A channels-last image with zeros around it.
struct WinogradImage {
  std::int64_t channels = 0;
  std::int64_t extent[2] = {};  ///< rows and columns
  std::int64_t before[2] = {};  ///< zeros before the first ones; negative: those are not read

  std::int64_t floats() const { return extent[0] * extent[1] * channels; }
  std::int64_t row_floats() const { return extent[1] * channels; }
  /// What tiles read for outputs from `row` and `column` on; `zeros`: row_floats() of them.
  WinogradInput under(const float* image, std::int64_t row, std::int64_t column, const float* zeros) const;
};

class WinogradConvolution {
 public:
  /// Nothing: operator bool() says so.
  WinogradConvolution() = default;
  /// `extents` of the outputs. `large_tiles`: also of four rows and columns, which take fewer products but round more, and where outputs
  /// that see nothing but zeros are zero, or those that see the same are equal, but for rounding (a max-pool of Task settles that); tiles
  /// of two keep both exactly.
  WinogradConvolution(const WinogradImage& image, std::int64_t channels, const std::int64_t (&extents)[2], bool large_tiles);

  explicit operator bool() const { return !regions_.empty(); }
  /// Wanted rows begin at multiples of this.
  std::int64_t step() const { return regions_[0].bodies->outputs[0]; }
  std::int64_t scratch_floats() const;
  std::int64_t weight_floats() const { return weight_floats_; }
  /// See ConvBodies::pack.
  void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) const;

  /// What is wanted of every image.
  struct Task {
    const float* weights = nullptr;  ///< as pack() wrote them
    const float* bias = nullptr;
    bool relu = false;
    const float* x = nullptr;  ///< the first image
    std::int64_t images = 0;
    plan::Range rows;
    float* y = nullptr;  ///< row rows.begin of the first image
    std::int64_t y_row = 0, y_image = 0;
    std::uint8_t* argmax = nullptr;  ///< not null: see WinogradRow
    ConvWeights taps;                ///< with argmax: the weights themselves; choices in doubt are settled from them
    float* scratch = nullptr;
  };
  void run(const Task& task) const;

 private:
  /// Outputs that are made in tiles of one kind.
  struct Region {
    const WinogradBodies* bodies = nullptr;
    plan::Range rows, columns;
    std::int64_t across = 0;   ///< tiles of a row
    std::int64_t most = 0;     ///< rows of tiles that are multiplied in one go
    std::int64_t weights = 0;  ///< where those of its places begin, in floats
    bool in_groups = false;    ///< see WinogradBodies::group

    std::int64_t most_tiles() const { return most * across; }
  };
  /// Rows of tiles, counted through all images, whose inputs are transformed.
  struct Pending {
    plan::Range rows;
    std::int64_t down;      ///< rows of tiles of an image
    float* tiles;           ///< theirs, and then their products
    std::uint64_t* equals;  ///< of each tile, see WinogradBodies::find_equals; null: not wanted
    std::int64_t first = 0, count = 0;
  };
  void add_region(const WinogradBodies& bodies, plan::Range rows, plan::Range columns);
  bool is_few(const Region& region) const;
  std::int64_t in_step(const Region& region) const;
  std::int64_t in_floats(const Region& region) const;
  std::int64_t out_step(const Region& region) const;
  std::int64_t out_floats(const Region& region) const;
  std::int64_t tile_floats(const Region& region) const;
  std::int64_t most_windows(const Region& region) const;
  WinogradRow row_of(const Task& task, const Region& region, const Pending& pending, std::int64_t index) const;
  void add_image(const Task& task, const Region& region, const float* x, Pending& pending) const;
  void multiply(const Task& task, const Region& region, const Pending& pending, float* products) const;
  void finish(const Task& task, const Region& region, Pending& pending) const;
  void settle(const Task& task, const WinogradRow& row, std::int64_t image, std::int64_t first_row, std::int64_t first_column) const;

  WinogradImage image_;
  std::int64_t channels_ = 0;
  std::int64_t in_ = 0, out_ = 0;  ///< floats of a tile in one place
  std::int64_t weight_floats_ = 0;
  bool large_tiles_ = false;
  std::vector<Region> regions_;
};

}  // namespace n2d2::cpu
