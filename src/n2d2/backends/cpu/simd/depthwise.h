// Convolutions of each channel with a kernel of its own: what simd/depthwise.cpp offers.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// A tap of a kernel, in floats: its place in the input from the place of an output pixel, and its row of the packed weights.
struct DepthwiseTap {
  std::int64_t x, w;
};

/// Output pixels that all see the same taps, counted in three dimensions of which the last is the innermost, and the distances of
/// neighbours along them. Rows of weights, the bias and sums are as long as whole vectors.
struct DepthwisePixels {
  std::int64_t count[3], x_step[3], y_step[3];
  const DepthwiseTap* taps;
  std::int64_t tap_count;
  std::int64_t channels;
};

}  // namespace n2d2::cpu
