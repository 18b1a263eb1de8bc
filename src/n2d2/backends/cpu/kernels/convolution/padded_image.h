// A channels-last image with zeros around it, for kernels that never test borders.
#pragma once
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "n2d2/backends/cpu/kernels/scratch.h"

namespace n2d2::cpu {

struct PaddedImage {
  std::int64_t channels = 0;
  std::int64_t extent[2] = {};  ///< of the image
  std::int64_t before[2] = {};  ///< zeros before the first row and column
  std::int64_t padded[2] = {};  ///< extents with all zeros; may also cut off rows and columns of the image

  bool is_needed() const { return before[0] > 0 || before[1] > 0 || padded[0] > extent[0] || padded[1] > extent[1]; }
  /// Floats from one row to the next of what fill() returns.
  std::int64_t row_floats() const { return (is_needed() ? padded[1] : extent[1]) * channels; }
  std::int64_t floats() const { return (is_needed() ? padded[0] * padded[1] : extent[0] * extent[1]) * channels; }
  /// Memory for a copy.
  std::int64_t bytes() const { return is_needed() ? whole_lines(floats() * 4) : 0; }
  void clear(void* memory) const {
    if (is_needed()) std::memset(memory, 0, static_cast<std::size_t>(bytes()));
  }
  /// The image itself, or a copy of it between the zeros that clear() wrote.
  const float* fill(const float* image, void* memory) const {
    if (!is_needed()) return image;
    each_row(
        [&](std::int64_t at, std::int64_t from, std::size_t size) { std::memcpy(static_cast<float*>(memory) + at, image + from, size); });
    return static_cast<const float*>(memory);
  }
  /// The other way round.
  void take(const void* memory, float* image) const {
    each_row(
        [&](std::int64_t at, std::int64_t to, std::size_t size) { std::memcpy(image + to, static_cast<const float*>(memory) + at, size); });
  }

 private:
  template <class Body>
  void each_row(const Body& body) const {
    const std::int64_t rows = std::min(extent[0], padded[0] - before[0]), columns = std::min(extent[1], padded[1] - before[1]);
    for (std::int64_t row = 0; row < rows; ++row) {
      body(((row + before[0]) * padded[1] + before[1]) * channels, row * extent[1] * channels,
           static_cast<std::size_t>(columns * channels) * sizeof(float));
    }
  }
};

}  // namespace n2d2::cpu
