#include "n2d2/ops/infer.h"

#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"

namespace n2d2::ops {
namespace {

std::string input_name(const ir::Node& node, std::size_t i) {
  const auto& inputs = node.op().inputs;
  return inputs[std::min(i, inputs.size() - 1)].name;
}

}  // namespace

Types same_as_first(const ir::Node& node) {
  expect_float(node, 0);
  return {node.input(0)->type};
}

Types same_as_second(const ir::Node& node) { return {node.input(1)->type}; }

Types same_as_both(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  return {node.input(0)->type};
}

void expect_float(const ir::Node& node, std::size_t input) {
  const DType dtype = node.input(input)->type.dtype;
  if (dtype != DType::float32) throw TypeError(fmt::format("input {} is {}, expected float32", input_name(node, input), name_of(dtype)));
}

void expect_integers(const ir::Node& node, std::size_t input) {
  const DType dtype = node.input(input)->type.dtype;
  if (dtype == DType::int32 || dtype == DType::int64) return;
  throw TypeError(fmt::format("input {} is {}, expected int32 or int64", input_name(node, input), name_of(dtype)));
}

void expect_rank(const ir::Node& node, std::size_t input, int rank) {
  const Shape& shape = node.input_shape(input);
  if (shape.rank() != rank) {
    throw ShapeError(
        fmt::format("input {} has rank {}, expected {} (shape {})", input_name(node, input), shape.rank(), rank, shape.text()));
  }
}

void expect_same_shape(const ir::Node& node, std::size_t a, std::size_t b) {
  if (node.input_shape(a) == node.input_shape(b)) return;
  throw ShapeError(fmt::format("inputs {} {} and {} {} need one shape", input_name(node, a), node.input_shape(a).text(),
                               input_name(node, b), node.input_shape(b).text()));
}

const std::vector<std::int64_t>& expect_list(const ir::Node& node, const std::string& name, std::size_t count, std::int64_t least) {
  const auto& list = node.integers(name);
  if (list.size() != count) throw ValueError(fmt::format("attribute '{}' has {} numbers, expected {}", name, list.size(), count));
  for (const std::int64_t number : list) {
    if (number < least) throw ValueError(fmt::format("attribute '{}' holds {}, expected at least {}", name, number, least));
  }
  return list;
}

Shape broadcast(const Shape& a, const Shape& b) {
  const int rank = std::max(a.rank(), b.rank());
  std::vector<Dim> dims(static_cast<std::size_t>(rank));
  for (int i = 1; i <= rank; ++i) {
    const Dim one(1);
    const Dim& x = i <= a.rank() ? a[a.rank() - i] : one;
    const Dim& y = i <= b.rank() ? b[b.rank() - i] : one;
    if (!(x == y) && !(x == one) && !(y == one)) throw ShapeError(fmt::format("shapes {} and {} do not broadcast", a.text(), b.text()));
    dims[static_cast<std::size_t>(rank - i)] = x == one ? y : x;
  }
  return Shape(std::move(dims));
}

std::int64_t window_places(std::int64_t extent, const Window& w) {
  const std::int64_t reach = w.dilation * (w.kernel - 1) + 1;
  const std::int64_t free = extent + w.pad_begin + w.pad_end - reach;
  if (free < 0) {
    throw ShapeError(fmt::format("the window reaches over {} elements, the padded input has {} ({} + pads {} and {})", reach,
                                 extent + w.pad_begin + w.pad_end, extent, w.pad_begin, w.pad_end));
  }
  std::int64_t places = (w.ceil_mode ? (free + w.stride - 1) / w.stride : free / w.stride) + 1;
  if (w.ceil_mode && (places - 1) * w.stride >= extent + w.pad_begin) --places;
  return places;
}

std::array<std::int64_t, 2> places_of(const ir::Node& node, const Shape& x, const std::vector<Window>& windows) {
  const auto& region = node.integers("region");
  if (region.size() == 2) return {region[0], region[1]};
  return {window_places(x[2].size, windows[0]), window_places(x[3].size, windows[1])};
}

std::vector<Window> windows_of(const ir::Node& node, std::int64_t kernel_height, std::int64_t kernel_width) {
  const auto& strides = expect_list(node, "strides", 2, 1);
  const auto& pads = expect_list(node, "pads", 4, 0);
  const std::vector<std::int64_t> ones = {1, 1};
  const auto& dilations = node.attributes().has("dilations") ? expect_list(node, "dilations", 2, 1) : ones;
  const bool ceil_mode = node.attributes().has("ceil_mode") && node.integer("ceil_mode") != 0;
  return {{kernel_height, strides[0], pads[0], pads[2], dilations[0], ceil_mode},
          {kernel_width, strides[1], pads[1], pads[3], dilations[1], ceil_mode}};
}

void expect_window_fits_byte(const std::vector<std::int64_t>& kernel) {
  if (kernel[0] * kernel[1] > 256) throw UnsupportedError(fmt::format("window {}x{} has more than 256 elements", kernel[0], kernel[1]));
}

void expect_pads_inside(const std::vector<Window>& windows) {
  for (const Window& w : windows) {
    const std::int64_t reach = w.dilation * (w.kernel - 1) + 1;
    if (w.pad_begin < reach && w.pad_end < reach) continue;
    throw ValueError(fmt::format("pads {} and {} are not smaller than the window, which reaches over {}", w.pad_begin, w.pad_end, reach));
  }
}

std::vector<std::int64_t> extents_of(const Shape& shape) {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : shape) extents.push_back(dim.per_row ? -dim.size : dim.size);
  return extents;
}

Shape shape_of(const std::vector<std::int64_t>& extents) {
  std::vector<Dim> dims;
  for (const std::int64_t extent : extents) dims.push_back(extent < 0 ? Dim::rows(-extent) : Dim(extent));
  return Shape(std::move(dims));
}

ir::Value* sum_to(ir::GradientContext& context, ir::Value* gradient, const ir::Value* value) {
  if (gradient->shape() == value->shape()) return gradient;
  return context.make("SumTo", {gradient}, {{"shape", extents_of(value->shape())}});
}

ir::Value* reshaped_like(ir::GradientContext& context, ir::Value* gradient, const ir::Value* value) {
  std::vector<std::int64_t> extents = extents_of(value->shape());
  for (std::int64_t& extent : extents) extent = extent < 0 ? -1 : extent;
  return context.make("Reshape", {gradient}, {{"shape", extents}});
}

}  // namespace n2d2::ops
