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

Shape reduced_shape(const ir::Node& node, const Shape& x) {
  std::vector<bool> gone(static_cast<std::size_t>(x.rank()), node.integers("axes").empty());
  for (const std::int64_t axis : node.integers("axes")) gone[static_cast<std::size_t>(normalized_axis(axis, x.rank(), "axes"))] = true;
  std::vector<Dim> dims;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!gone[static_cast<std::size_t>(axis)]) dims.push_back(x[axis]);
    if (gone[static_cast<std::size_t>(axis)] && node.integer("keepdims") != 0) dims.emplace_back(1);
  }
  return Shape(std::move(dims));
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
