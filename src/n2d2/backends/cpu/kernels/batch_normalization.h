// What the steps of batch normalisation keep beside the activations: sums of a lane's rows, and factors per channel.
#pragma once
#include <algorithm>
#include <cstdint>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu::normalization {

using plan::Emitter;
using plan::Lane;
using plan::Operand;

struct Geometry {
  std::int64_t channels = 0;
  std::int64_t places = 1;  ///< per row of the batch
  std::int64_t width = 0;   ///< of what the vector bodies take as one place

  explicit Geometry(const Shape& x)
      : channels(x[1].size), places(x.elements_per_row() / x[1].size), width(simd().normalize.width(channels)) {}
  std::int64_t floats_of(const Lane& lane) const { return lane.rows * places * channels; }
};

/// What a lane knows of its rows: two sums per channel, their number of places, and the means around which it summed.
class LaneSums {
 public:
  LaneSums(Emitter& emit, const Geometry& g) : scratch_(emit.scratch(bytes_of(g), true)), channels_(g.channels), width_(g.width) {}
  const Operand& scratch() const { return scratch_; }

  /// Where the rows of a chunk are added; cleared in front of the first.
  double* begun(const Lane& lane) const {
    auto* sums = scratch_.own<double>(lane);
    if (lane.is_first) std::fill(sums, sums + 2 * width_, 0.0);
    return sums;
  }
  float* means(const Lane& lane) const { return means_of(scratch_.own<double>(lane)); }
  /// Behind the last chunk: adds up the sums of places that the vector bodies took as one.
  void end(const Lane& lane) const {
    if (!lane.is_last) return;
    auto* sums = scratch_.own<double>(lane);
    for (const std::int64_t begin : {std::int64_t{0}, width_}) {
      for (std::int64_t i = channels_; i < width_; ++i) sums[begin + i % channels_] += sums[begin + i];
    }
    sums[2 * width_] = static_cast<double>(lane.row0 + lane.rows - lane.lane_row0);
  }
  /// Sum `which` (0 or 1) of channel `c` in lane `index`.
  double of(int index, int which, std::int64_t c, const Lane& lane) const {
    return scratch_.copy_of<double>(index, lane)[which * width_ + c];
  }
  double total(int which, std::int64_t c, const Lane& lane) const {
    double sum = 0;
    for (int index = 0; index < lane.count; ++index) sum += of(index, which, c, lane);
    return sum;
  }
  double rows_of(int index, const Lane& lane) const { return scratch_.copy_of<double>(index, lane)[2 * width_]; }
  double mean_of(int index, std::int64_t c, const Lane& lane) const {
    return static_cast<double>(means_of(scratch_.copy_of<double>(index, lane))[c]);
  }

 private:
  static std::int64_t bytes_of(const Geometry& g) {
    return static_cast<std::int64_t>((2 * g.width + 1) * sizeof(double) + g.width * sizeof(float));
  }
  float* means_of(double* sums) const { return reinterpret_cast<float*>(sums + 2 * width_ + 1); }

  Operand scratch_;
  std::int64_t channels_, width_;
};

/// Per-channel factors of a lane, `width` each, made in front of its first chunk.
class Factors {
 public:
  static constexpr int kArrays = 5;
  Factors(Emitter& emit, const Geometry& g)
      : scratch_(emit.scratch(kArrays * g.width * static_cast<std::int64_t>(sizeof(float)), true)),
        channels_(g.channels),
        width_(g.width) {}
  const Operand& scratch() const { return scratch_; }

  /// Fills mean, scale = gain / standard deviation, and shift.
  void fill(NormalizeTask& task, const float* mean, const float* inv_std, const float* gain, const float* shift, const Lane& lane) const {
    float* to = scratch_.own(lane);
    task.mean = to;
    task.scale = to + width_;
    task.shift = to + 2 * width_;
    if (!lane.is_first) return;
    for (std::int64_t c = 0; c < channels_; ++c) {
      to[c] = mean[c];
      to[width_ + c] = inv_std[c] * gain[c];
      to[2 * width_ + c] = shift == nullptr ? 0.0F : shift[c];
    }
    for (int array = 0; array < 3; ++array) repeat(to + array * width_);
  }
  /// Fills slope and constant, behind fill(): dx = scale * (g - (sum + h * weighted) / count), h = (x - mean) * inv_std.
  void fill_gradient(NormalizeTask& task, const float* inv_std, const float* sum, const float* weighted, float share,
                     const Lane& lane) const {
    float* to = scratch_.own(lane);
    task.slope = to + 3 * width_;
    task.constant = to + 4 * width_;
    if (!lane.is_first) return;
    for (std::int64_t c = 0; c < channels_; ++c) {
      to[3 * width_ + c] = share > 0.0F ? -task.scale[c] * (inv_std[c] * weighted[c] * share) : 0.0F;
      to[4 * width_ + c] = share > 0.0F ? -task.scale[c] * (sum[c] * share) : 0.0F;
    }
    for (int array = 3; array < 5; ++array) repeat(to + array * width_);
  }

 private:
  void repeat(float* array) const {
    for (std::int64_t i = channels_; i < width_; ++i) array[i] = array[i - channels_];
  }
  Operand scratch_;
  std::int64_t channels_, width_;
};

}  // namespace n2d2::cpu::normalization
