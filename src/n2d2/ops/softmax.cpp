// Softmax: what it means.
#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  const int axis = normalized_axis(node.integer("axis"), node.input_shape(0).rank(), "axis");
  if (axis == node.input_shape(0).batch_axis()) throw UnsupportedError("cannot run over the axis of the batch");
  return same_as_first(node);
}

void gradient(ir::GradientContext& g) { g.set(0, g.make("SoftmaxGrad", {g.dy(), g.output()}, {{"axis", g.node().integer("axis")}})); }

}  // namespace

OpDef softmax() {
  return {.name = "Softmax",
          .since_opset = 13,
          .doc = "exp(x) / sum(exp(x), axis), the maximum subtracted first.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"axis", std::int64_t{-1}}},
          .infer = infer,
          .gradient = gradient};
}

OpDef softmax_grad() {
  return {.name = "SoftmaxGrad",
          .domain = "n2d2",
          .doc = "y * (dy - sum(dy * y, axis)).",
          .inputs = {{"dY"}, {"Y"}},
          .outputs = {"dX"},
          .attributes = {{"axis", std::int64_t{-1}}},
          .infer = same_as_both};
}

}  // namespace n2d2::ops
