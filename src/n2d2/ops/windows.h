// Windows that slide over the last one, two or three axes: what convolutions and pools share. Everything here throws ShapeError,
// ValueError or UnsupportedError.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "n2d2/ir/expand_context.h"
#include "n2d2/ir/graph.h"

namespace n2d2::ops {

/// Along one axis.
struct Window {
  std::int64_t kernel = 1, stride = 1, pad_begin = 0, pad_end = 0, dilation = 1;
  bool ceil_mode = false;

  /// Elements from the first to the last under the window.
  std::int64_t reach() const { return dilation * (kernel - 1) + 1; }
};

/// Batch, channels and one to three axes.
void expect_image(const ir::Node& node, std::size_t input);
/// A list attribute of `count` numbers, each at least `least`; the default, which is written for two axes, stands for any number of them.
std::vector<std::int64_t> list_for(const ir::Node& node, const std::string& name, std::size_t count, std::int64_t least);
/// The windows of a node with kernel extents `kernel`, strides, pads (all begins, then all ends), dilations and ceil_mode.
std::vector<Window> windows_of(const ir::Node& node, const std::vector<std::int64_t>& kernel);
/// Number of places of the window, at least 1. `ceil_mode` never starts a window in the end padding. Source: ONNX MaxPool.
std::int64_t window_places(std::int64_t extent, const Window& window);
/// Places of all windows of a node, or those of its attribute `region`, which only passes set: the first along each axis.
std::vector<std::int64_t> places_of(const ir::Node& node, const Shape& x, const std::vector<Window>& windows);
/// Extents of the axes behind the channels.
std::vector<std::int64_t> spatial_of(const Shape& shape);
/// [batch, channels, extents...]
Shape image_shape(const Dim& batch, const Dim& channels, const std::vector<std::int64_t>& extents);

/// MaxPool keeps the place of the maximum in one byte; throws UnsupportedError for windows of more than 256
/// elements along an axis.
void expect_window_fits_byte(const std::vector<std::int64_t>& kernel);
/// A pool's padding is smaller than its window, so that every window sees the input.
void expect_pads_inside(const std::vector<Window>& windows);

/// `value` with that shape, row-major.
ir::Value* reshaped(ir::ExpandContext& context, ir::Value* value, const Shape& shape);
/// An operator with windows over [N,C,L] is the same over [N,C,1,L]: its list attributes get a neutral number in front, its inputs and
/// outputs of rank 3 a unit axis. Does nothing for other ranks.
void expand_line(ir::ExpandContext& context);
/// A pool over [N,C,D,H,W] is a pool over H and W of every slice, and one over D of what that gives. Does nothing for other ranks.
void expand_volume(ir::ExpandContext& context);
/// A max-pool over images whose windows have more than 256 elements is one along the rows, and one down the columns of what that gives.
void expand_large(ir::ExpandContext& context);
/// What applies of expand_line and expand_volume.
void expand_pool(ir::ExpandContext& context);
/// What applies of all.
void expand_max_pool(ir::ExpandContext& context);

}  // namespace n2d2::ops
