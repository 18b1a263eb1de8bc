// Expand and Tile, which repeat elements: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  const Shape y = broadcast(node.input_shape(0), shape_of(node.integers("shape")));
  if (y.batch_axis() > 0) throw UnsupportedError(fmt::format("the batch must be axis 0 (output {})", y.text()));
  return {{y, node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) { g.set(0, sum_to(g, g.dy(), g.input(0))); }

const std::vector<std::int64_t>& repeats_of(const ir::Node& node) {
  return expect_list(node, "repeats", static_cast<std::size_t>(node.input_shape(0).rank()), 1);
}

Types infer_tile(const ir::Node& node) {
  Shape y = node.input_shape(0);
  const auto& repeats = repeats_of(node);
  for (int axis = 0; axis < y.rank(); ++axis) {
    const std::int64_t count = repeats[static_cast<std::size_t>(axis)];
    if (y[axis].per_row && count != 1) throw UnsupportedError("cannot repeat along the axis of the batch");
    y[axis].size *= count;
  }
  return {{y, node.input(0)->type.dtype}};
}

/// Each repeated axis becomes two, repeats and extent, and the first of both is summed.
void tile_gradient(ir::GradientContext& g) {
  const auto& repeats = repeats_of(g.node());
  std::vector<std::int64_t> extents, axes;
  for (int axis = 0; axis < g.input(0)->rank(); ++axis) {
    const std::int64_t count = repeats[static_cast<std::size_t>(axis)];
    const Dim dim = g.input(0)->shape()[axis];
    if (count != 1) {
      axes.push_back(static_cast<std::int64_t>(extents.size()));
      extents.push_back(count);
    }
    extents.push_back(dim.per_row ? -1 : dim.size);
  }
  if (axes.empty()) return g.set(0, g.dy());
  ir::Value* split = g.make("Reshape", {g.dy()}, {{"shape", extents}});
  g.set(0, g.make("ReduceSum", {split}, {{"axes", axes}, {"keepdims", std::int64_t{0}}}));
}

}  // namespace

OpDef expand() {
  return {.name = "Expand",
          .since_opset = 13,
          .doc = "x repeated along the axes by which `shape` broadcasts it; -1 is the number of rows.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"shape", std::vector<std::int64_t>{}}},
          .infer = infer,
          .gradient = gradient};
}

OpDef tile() {
  return {.name = "Tile",
          .since_opset = 13,
          .doc = "x repeats[i] times behind itself along axis i.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"repeats", std::vector<std::int64_t>{}}},
          .infer = infer_tile,
          .gradient = tile_gradient};
}

}  // namespace n2d2::ops
