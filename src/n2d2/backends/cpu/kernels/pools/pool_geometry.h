// The windows of a two-dimensional pool over channels-last activations.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>

#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

struct PoolGeometry {
  std::int64_t images = 1;                           ///< per row of the batch
  std::int64_t channels = 0, height = 0, width = 0;  ///< of the input
  std::int64_t out_height = 0, out_width = 0;
  std::int64_t kernel[2] = {1, 1}, strides[2] = {1, 1}, pads[4] = {0, 0, 0, 0}, dilations[2] = {1, 1};

  std::int64_t floats_in() const { return channels * height * width; }
  std::int64_t floats_out() const { return channels * out_height * out_width; }

  /// Calls body(place in the window, first channel of that input pixel) for every element of window (i, j) inside the input.
  template <class Body>
  void window(std::int64_t i, std::int64_t j, const Body& body) const {
    for (std::int64_t p = 0; p < kernel[0]; ++p) {
      const std::int64_t h = i * strides[0] - pads[0] + p * dilations[0];
      if (h < 0 || h >= height) continue;
      for (std::int64_t q = 0; q < kernel[1]; ++q) {
        const std::int64_t w = j * strides[1] - pads[1] + q * dilations[1];
        if (w >= 0 && w < width) body(p * kernel[1] + q, (h * width + w) * channels);
      }
    }
  }
};

/// `in` and `out`: shapes of the pool's input and output, also for its gradient. Attributes of fused nodes have a prefix; kernel_shape
/// is then `<prefix>kernel`.
inline PoolGeometry pool_geometry(const ir::Node& node, const Shape& in, const Shape& out, const std::string& prefix = "") {
  PoolGeometry g;
  g.images = in[0].size;
  g.channels = in[1].size;
  g.height = in[2].size;
  g.width = in[3].size;
  g.out_height = out[2].size;
  g.out_width = out[3].size;
  const auto take = [&](const std::string& name, std::int64_t* to) {
    if (!node.attributes().has(prefix + name)) return;
    const auto& list = node.integers(prefix + name);
    std::copy(list.begin(), list.end(), to);
  };
  take(prefix.empty() ? "kernel_shape" : "kernel", g.kernel);
  take("strides", g.strides);
  take("pads", g.pads);
  take("dilations", g.dilations);
  return g;
}

/// Whether the windows neither meet nor leave gaps, so that their gradients write every pixel once.
inline bool tiles(const PoolGeometry& g) {
  for (int axis = 0; axis < 2; ++axis) {
    const std::int64_t extent = axis == 0 ? g.height : g.width, places = axis == 0 ? g.out_height : g.out_width;
    if (g.strides[axis] != g.kernel[axis] || g.dilations[axis] != 1 || g.pads[axis] != 0 || places * g.strides[axis] != extent)
      return false;
  }
  return true;
}

/// Whether windows share pixels, whose gradients are sums.
inline bool overlaps(const PoolGeometry& g) {
  for (int axis = 0; axis < 2; ++axis) {
    if (g.strides[axis] < g.dilations[axis] * (g.kernel[axis] - 1) + 1) return true;
  }
  return false;
}

}  // namespace n2d2::cpu
