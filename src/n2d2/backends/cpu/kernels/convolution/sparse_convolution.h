// Gradients of a convolution behind a max-pool. Only the places the pool chose have a gradient, at most one per window and channel, and
// none where the Relu behind the pool is 0: each adds one patch of the input to the weight's gradient, or one patch of weights to the
// input's. The full gradient of the convolution's output is never made. Gradients that add to the same place are listed together, so
// that their sum stays in registers. Used by sparse_grad_weight.cpp and sparse_grad_input.cpp.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/kernels/convolution/padded_image.h"
#include "n2d2/backends/cpu/kernels/pools/pool_geometry.h"
#include "n2d2/backends/cpu/kernels/scratch.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// Convolution and pool, and what both directions derive from them.
struct Sparse {
  Convolution conv;
  PoolGeometry pool;  ///< its input is the convolution's output
  PaddedImage image;
  std::int64_t weights = 0;           ///< floats of one output channel, in the order kernel row, kernel column, input channel
  std::vector<std::int32_t> windows;  ///< first float of the patch under a window's first place, row by row
  std::int32_t places[256];           ///< distance between the patches of a window's first place and of another

  Sparse(Convolution convolution, PoolGeometry geometry) : conv(convolution), pool(geometry) {
    weights = conv.kernel[0] * run();
    image.channels = conv.channels[0];
    for (int axis = 0; axis < 2; ++axis) {
      const std::int64_t end = (conv.output[axis] - 1) * conv.strides[axis] + (conv.kernel[axis] - 1) * (conv.dilations[axis] + 1) + 1;
      image.extent[axis] = conv.input[axis];
      image.before[axis] = conv.pads_begin[axis];
      image.padded[axis] = std::max(conv.input[axis] + conv.pads_begin[axis], end);
    }
    for (std::int64_t i = 0; i < window_places(); ++i) {
      places[i] = patch_at(i / pool.kernel[1] * pool.dilations[0], i % pool.kernel[1] * pool.dilations[1]);
    }
    for (std::int64_t i = 0; i < pool.out_height; ++i) {
      for (std::int64_t j = 0; j < pool.out_width; ++j) {
        windows.push_back(patch_at(i * pool.strides[0] - pool.pads[0], j * pool.strides[1] - pool.pads[1]));
      }
    }
  }
  /// First float of the patch of an output of the convolution. Before the first output, where a window of a padded pool may begin, it
  /// is negative; no such place is ever chosen.
  std::int32_t patch_at(std::int64_t row, std::int64_t column) const {
    return static_cast<std::int32_t>(row * conv.strides[0] * image.row_floats() + column * conv.strides[1] * conv.channels[0]);
  }
  /// Strides of the weights in that order, along [output, input, row, column].
  std::vector<std::int64_t> weight_strides() const { return {weights, 1, run(), conv.channels[0]}; }
  /// Whether all places of all windows lie inside the convolution's output: not with pads of the pool, nor where it rounds up.
  bool has_whole_windows() const {
    for (int axis = 0; axis < 2; ++axis) {
      const std::int64_t places = axis == 0 ? pool.out_height : pool.out_width;
      const std::int64_t end = (places - 1) * pool.strides[axis] - pool.pads[axis] + (pool.kernel[axis] - 1) * pool.dilations[axis] + 1;
      if (pool.pads[axis] > 0 || end > conv.output[axis]) return false;
    }
    return true;
  }
  std::int64_t image_row() const { return (conv.dilations[0] + 1) * image.row_floats(); }
  std::int64_t run() const { return conv.kernel[1] * conv.channels[0]; }
  std::int64_t window_places() const { return pool.kernel[0] * pool.kernel[1]; }
};

/// A list per key in memory of the lane, each with room for at least `most` entries, in whole vectors; empty once clear() has run.
struct ListMemory {
  std::int64_t keys = 0, most = 0;

  std::int64_t room() const { return (most + 15) / 16 * 16; }
  std::int64_t bytes() const { return whole_lines(keys * 4) + keys * room() * static_cast<std::int64_t>(sizeof(SparseEntry)); }
  SparseLists cleared(void* memory) const {
    std::memset(memory, 0, static_cast<std::size_t>(keys) * 4);
    return {reinterpret_cast<SparseEntry*>(static_cast<char*>(memory) + whole_lines(keys * 4)), static_cast<std::int32_t*>(memory), room()};
  }
};

inline Sparse sparse_of(const ir::Node& node, const Shape& x, const Shape& w) {
  const auto& extents = node.integers("conv_output");
  const Shape pooled = node.input_shape(0);
  const Shape y = {pooled[0], pooled[1], extents[0], extents[1]};
  return {convolution_of(node, x, w, y), pool_geometry(node, y, pooled, "pool_")};
}

/// The operands that both directions read by rows.
struct PooledOperands {
  plan::Operand dy, argmax, y;
  explicit PooledOperands(plan::Emitter& emit) : dy(emit.in(0)), argmax(emit.in(1)), y(emit.in(3)) {}
  /// Of image `image` of the lane.
  SparseGradients at(const plan::Lane& lane, const Sparse& s, std::int64_t image) const {
    const std::int64_t first = image * s.pool.floats_out();
    return {.dy = dy.rows(lane) + first,
            .y = y ? y.rows(lane) + first : nullptr,
            .argmax = argmax.rows<std::uint8_t>(lane) + first,
            .windows = s.pool.out_height * s.pool.out_width,
            .channels = s.conv.channels[1],
            .places = static_cast<int>(s.window_places())};
  }
};

}  // namespace n2d2::cpu
