#include "n2d2/ops/windows.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"

namespace n2d2::ops {
namespace {

constexpr std::int64_t kMostPlaces = 256;  // that fit into a byte

}  // namespace

void expect_image(const ir::Node& node, std::size_t input) {
  expect_float(node, input);
  const Shape& shape = node.input_shape(input);
  if (shape.rank() >= 3 && shape.rank() <= 5) return;
  throw ShapeError(
      fmt::format("input {} has rank {}, expected 3, 4 or 5 (shape {})", node.op().inputs[input].name, shape.rank(), shape.text()));
}

std::vector<std::int64_t> list_for(const ir::Node& node, const std::string& name, std::size_t count, std::int64_t least) {
  const auto& list = node.integers(name);
  if (!list.empty() && ir::Attribute(list) == node.op().attributes.at(name)) return std::vector<std::int64_t>(count, list.front());
  return expect_list(node, name, count, least);
}

std::vector<Window> windows_of(const ir::Node& node, const std::vector<std::int64_t>& kernel) {
  const std::size_t count = kernel.size();
  const auto strides = list_for(node, "strides", count, 1), pads = list_for(node, "pads", 2 * count, 0);
  const bool dilates = node.attributes().has("dilations");
  const auto dilations = dilates ? list_for(node, "dilations", count, 1) : std::vector<std::int64_t>(count, 1);
  const bool ceil_mode = node.attributes().has("ceil_mode") && node.integer("ceil_mode") != 0;
  std::vector<Window> windows;
  for (std::size_t i = 0; i < count; ++i) windows.push_back({kernel[i], strides[i], pads[i], pads[i + count], dilations[i], ceil_mode});
  return windows;
}

std::int64_t window_places(std::int64_t extent, const Window& w) {
  const std::int64_t free = extent + w.pad_begin + w.pad_end - w.reach();
  if (free < 0) {
    throw ShapeError(fmt::format("the window reaches over {} elements, the padded input has {} ({} + pads {} and {})", w.reach(),
                                 extent + w.pad_begin + w.pad_end, extent, w.pad_begin, w.pad_end));
  }
  std::int64_t places = (w.ceil_mode ? (free + w.stride - 1) / w.stride : free / w.stride) + 1;
  if (w.ceil_mode && (places - 1) * w.stride >= extent + w.pad_begin) --places;
  return places;
}

std::vector<std::int64_t> places_of(const ir::Node& node, const Shape& x, const std::vector<Window>& windows) {
  if (node.attributes().has("region") && !node.integers("region").empty()) return node.integers("region");
  std::vector<std::int64_t> places;
  for (const Window& window : windows) places.push_back(window_places(x[2 + static_cast<int>(places.size())].size, window));
  return places;
}

std::vector<std::int64_t> spatial_of(const Shape& shape) {
  std::vector<std::int64_t> extents;
  for (int axis = 2; axis < shape.rank(); ++axis) extents.push_back(shape[axis].size);
  return extents;
}

Shape image_shape(const Dim& batch, const Dim& channels, const std::vector<std::int64_t>& extents) {
  std::vector<Dim> dims = {batch, channels};
  dims.insert(dims.end(), extents.begin(), extents.end());
  return Shape(std::move(dims));
}

void expect_window_fits_byte(const std::vector<std::int64_t>& kernel) {
  if (*std::max_element(kernel.begin(), kernel.end()) <= kMostPlaces) return;
  throw UnsupportedError(fmt::format("window {} has more than {} elements along an axis", fmt::join(kernel, "x"), kMostPlaces));
}

void expect_pads_inside(const std::vector<Window>& windows) {
  for (const Window& w : windows) {
    if (w.pad_begin < w.reach() && w.pad_end < w.reach()) continue;
    throw ValueError(
        fmt::format("pads {} and {} are not smaller than the window, which reaches over {}", w.pad_begin, w.pad_end, w.reach()));
  }
}

ir::Value* reshaped(ir::ExpandContext& e, ir::Value* value, const Shape& shape) {
  std::vector<std::int64_t> extents = extents_of(shape);
  for (std::int64_t& extent : extents) extent = extent < 0 ? -1 : extent;
  return e.make("Reshape", {value}, {{"shape", extents}});
}

namespace {

using Lists = std::vector<std::int64_t>;

ir::Value* with_unit_axis(ir::ExpandContext& e, ir::Value* value) {
  const Shape& x = value->shape();
  return reshaped(e, value, {x[0], x[1], 1, x[2]});
}

/// Of two pools in a row nobody knows where in the whole window the maximum was.
void expect_unread_places(const ir::ExpandContext& e) {
  if (e.node().outputs().size() < 2 || !e.is_read(1)) return;
  throw UnsupportedError(e.node().label() + ": the places of maxima in windows that are taken apart");
}

constexpr std::size_t kNoAxis = ~std::size_t{0};

/// The lists of a pool over some of its axes; kNoAxis stands for one along which it does nothing.
ir::Attributes pool_along(const ir::Node& node, const std::vector<std::size_t>& axes) {
  const std::size_t count = node.integers("kernel_shape").size();
  ir::Attributes attributes = node.attributes();
  for (const char* name : {"kernel_shape", "strides", "pads", "dilations"}) {
    if (!attributes.has(name)) continue;
    const bool is_pads = std::string(name) == "pads";
    const Lists all = std::string(name) == "kernel_shape" ? node.integers(name) : list_for(node, name, is_pads ? 2 * count : count, 0);
    Lists picked;
    for (std::size_t side = 0; side < (is_pads ? 2U : 1U); ++side) {
      for (const std::size_t axis : axes) picked.push_back(axis != kNoAxis ? all[side * count + axis] : is_pads ? 0 : 1);
    }
    attributes.set(name, picked);
  }
  return attributes;
}

}  // namespace

void expand_line(ir::ExpandContext& e) {
  const ir::Node& node = e.node();
  if (node.input_shape(0).rank() != 3) return;
  ir::Attributes attributes = node.attributes();
  for (const char* name : {"kernel_shape", "strides", "dilations", "output_padding"}) {
    if (!attributes.has(name) || attributes.integers(name).size() != 1) continue;
    attributes.set(name, Lists{std::string(name) == "output_padding" ? 0 : 1, attributes.integers(name)[0]});
  }
  const Lists pads = list_for(node, "pads", 2, 0);
  attributes.set("pads", Lists{0, pads[0], 0, pads[1]});
  std::vector<ir::Value*> inputs = node.inputs();
  for (ir::Value*& input : inputs) input = input != nullptr && input->rank() == 3 ? with_unit_axis(e, input) : input;
  const ir::Node& image = e.make_node(node.op().name, inputs, attributes);
  for (std::size_t i = 0; i < image.outputs().size(); ++i) {
    if (e.is_read(i)) e.set(i, reshaped(e, image.output(i), node.output_shape(i)));
  }
}

void expand_volume(ir::ExpandContext& e) {
  const ir::Node& node = e.node();
  const Shape &x = node.input_shape(0), &y = node.output_shape();
  if (x.rank() != 5) return;
  expect_unread_places(e);
  const std::string& op = node.op().name;
  const ir::Attributes swap = {{"perm", Lists{0, 2, 1, 3, 4}}};
  Dim slices = x[0];
  slices.size *= x[2].size;
  ir::Value* value = e.make("Transpose", {e.input(0)}, swap);
  value = reshaped(e, value, {slices, x[1], x[3], x[4]});
  value = e.make(op, {value}, pool_along(node, {1, 2}));
  value = reshaped(e, value, {x[0], x[2], x[1], y[3], y[4]});
  value = e.make("Transpose", {value}, swap);
  value = reshaped(e, value, {x[0], x[1], x[2], y[3].size * y[4].size});
  value = e.make(op, {value}, pool_along(node, {0, kNoAxis}));
  e.set(0, reshaped(e, value, y));
}

void expand_large(ir::ExpandContext& e) {
  const ir::Node& node = e.node();
  const Lists& kernel = node.integers("kernel_shape");
  if (kernel.size() != 2 || kernel[0] * kernel[1] <= kMostPlaces) return;
  expect_unread_places(e);
  ir::Value* value = e.make(node.op().name, {e.input(0)}, pool_along(node, {kNoAxis, 1}));
  e.set(0, e.make(node.op().name, {value}, pool_along(node, {0, kNoAxis})));
}

void expand_pool(ir::ExpandContext& e) {
  const int rank = e.node().input_shape(0).rank();
  rank == 3 ? expand_line(e) : rank == 5 ? expand_volume(e) : void();
}

void expand_max_pool(ir::ExpandContext& e) { e.node().input_shape(0).rank() == 4 ? expand_large(e) : expand_pool(e); }

}  // namespace n2d2::ops
