// What the steps of batch and group normalisation keep beside the activations: sums of a lane's rows, and factors per channel.
#pragma once
#include <algorithm>
#include <cmath>
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

/// Near the mean of every channel: that of some places spread over them. 0 instead of infinity.
inline void estimate_means(const float* x, std::int64_t places, const Geometry& g, float* means) {
  const std::int64_t count = std::min<std::int64_t>(places, 16);
  std::fill(means, means + g.width, 0.0F);
  for (std::int64_t i = 0; i < count; ++i) {
    const float* place = x + (places * i / count) * g.channels;
    for (std::int64_t c = 0; c < g.channels; ++c) means[c] += place[c];
  }
  for (std::int64_t c = 0; c < g.channels; ++c) {
    const float mean = means[c] / static_cast<float>(count);
    means[c] = std::isinf(mean) ? 0.0F : mean;
  }
  for (std::int64_t i = g.channels; i < g.width; ++i) means[i] = means[i - g.channels];
}

/// What a lane knows of its rows: two sums per channel, their number of places, and the means around which it summed.
class LaneSums {
 public:
  LaneSums(Emitter& emit, const Geometry& g) : scratch_(emit.scratch(bytes_of(g))), channels_(g.channels), width_(g.width) {}
  const Operand& scratch() const { return scratch_; }

  double* cleared(const Lane& lane) const {
    auto* sums = scratch_.own<double>(lane);
    std::fill(sums, sums + 2 * width_, 0.0);
    return sums;
  }
  float* means(const Lane& lane) const { return means_of(scratch_.own<double>(lane)); }
  /// Adds up the sums of places that the vector bodies took as one.
  void fold(const Lane& lane) const {
    auto* sums = scratch_.own<double>(lane);
    for (const std::int64_t begin : {std::int64_t{0}, width_}) {
      for (std::int64_t i = channels_; i < width_; ++i) sums[begin + i % channels_] += sums[begin + i];
    }
    sums[2 * width_] = static_cast<double>(lane.rows);
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

/// Per-channel factors of a lane, `width` each.
class Factors {
 public:
  static constexpr int kArrays = 5;
  Factors(Emitter& emit, const Geometry& g)
      : scratch_(emit.scratch(kArrays * g.width * static_cast<std::int64_t>(sizeof(float)), true)),
        channels_(g.channels),
        width_(g.width) {}
  const Operand& scratch() const { return scratch_; }

  struct Channel {
    float mean, scale, shift;  ///< y = (x - mean) * scale + shift
  };
  struct Slope {
    float slope, constant;  ///< dx = g * scale + (x - mean) * slope + constant
  };

  /// Fills mean, scale and shift with what `of` gives for each channel, unless an earlier chunk has done so (`is_new` false).
  template <class Function>
  void fill(NormalizeTask& task, const Lane& lane, const Function& of, bool is_new = true) const {
    float* to = scratch_.own(lane);
    task.mean = to;
    task.scale = to + width_;
    task.shift = to + 2 * width_;
    if (!is_new) return;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const Channel channel = of(c);
      to[c] = channel.mean;
      to[width_ + c] = channel.scale;
      to[2 * width_ + c] = channel.shift;
    }
    for (int array = 0; array < 3; ++array) repeat(to + array * width_);
  }
  /// Fills slope and constant, behind fill().
  template <class Function>
  void fill_gradient(NormalizeTask& task, const Lane& lane, const Function& of, bool is_new = true) const {
    float* to = scratch_.own(lane);
    task.slope = to + 3 * width_;
    task.constant = to + 4 * width_;
    if (!is_new) return;
    for (std::int64_t c = 0; c < channels_; ++c) {
      const Slope channel = of(c);
      to[3 * width_ + c] = channel.slope;
      to[4 * width_ + c] = channel.constant;
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
