// AccumulateGradient and LaneSum, where the lanes' partial sums come together: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types no_outputs(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  if (node.input(1)->kind != ir::ValueKind::buffer) throw ValueError(fmt::format("'{}' is no buffer", node.input(1)->name));
  return {};
}

Types same_type(const ir::Node& node) { return {node.input(0)->type}; }

}  // namespace

OpDef accumulate_gradient() {
  return {
      .name = "AccumulateGradient",
      .domain = "n2d2",
      .doc =
          "Stores the gradient in the buffer, or adds it there when the run says so; a partial gradient is summed over the lanes in order.",
      .inputs = {{"gradient"}, {"buffer"}},
      .outputs = {},
      .infer = no_outputs};
}

OpDef lane_sum() {
  return {.name = "LaneSum",
          .domain = "n2d2",
          .doc = "The sum of the lanes' partial sums, in the order of the lanes.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = same_type};
}

}  // namespace n2d2::ops
