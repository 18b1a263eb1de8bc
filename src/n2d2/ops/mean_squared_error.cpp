// MeanSquaredError: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_float(node, 1);
  expect_same_shape(node, 0, 1);
  return {{Shape(), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  if (g.wants(0)) g.set(0, g.make("MeanSquaredErrorGrad", {g.dy(), g.input(0), g.input(1)}));
  if (g.wants(1)) g.set(1, g.make("MeanSquaredErrorGrad", {g.dy(), g.input(1), g.input(0)}));
}

Types infer_grad(const ir::Node& node) { return {node.input(1)->type}; }

}  // namespace

OpDef mean_squared_error() {
  return {.name = "MeanSquaredError",
          .domain = "n2d2",
          .doc = "Mean over all elements of (prediction - target)^2.",
          .inputs = {{"prediction"}, {"target"}},
          .outputs = {"loss"},
          .infer = infer,
          .gradient = gradient};
}

OpDef mean_squared_error_grad() {
  return {.name = "MeanSquaredErrorGrad",
          .domain = "n2d2",
          .doc = "dLoss * 2 * (prediction - target) / number of elements.",
          .inputs = {{"dLoss"}, {"prediction"}, {"target"}},
          .outputs = {"dprediction"},
          .infer = infer_grad};
}

}  // namespace n2d2::ops
