// Dropout: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  const double ratio = node.number("ratio");
  if (!(ratio >= 0.0 && ratio <= 1.0)) throw ValueError(fmt::format("attribute 'ratio' is {}, expected 0 to 1", ratio));
  return {node.input(0)->type, {node.input_shape(0), DType::uint8}};
}

void gradient(ir::GradientContext& g) {
  const bool drops = g.node().integer("training_mode") != 0 && g.node().number("ratio") > 0.0;
  g.set(0, drops ? g.make("DropoutGrad", {g.dy(), g.output(1)}, {{"ratio", g.node().number("ratio")}}) : g.dy());
}

Types infer_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  return {node.input(0)->type};
}

}  // namespace

/// Source: ONNX Dropout-13; the random numbers are Philox4x32-10 by logical element index.
OpDef dropout() {
  return {.name = "Dropout",
          .since_opset = 13,
          .doc = "With training_mode: x / (1 - ratio) where mask is 1, 0 with probability ratio; otherwise x.",
          .inputs = {{"data"}},
          .outputs = {"output", "mask"},
          .attributes = {{"ratio", 0.5}, {"training_mode", std::int64_t{0}}},
          .infer = infer,
          .gradient = gradient};
}

OpDef dropout_grad() {
  return {.name = "DropoutGrad",
          .domain = "n2d2",
          .doc = "dy / (1 - ratio) where mask is 1, else 0.",
          .inputs = {{"dY"}, {"mask"}},
          .outputs = {"dX"},
          .attributes = {{"ratio", 0.5}},
          .infer = infer_grad};
}

}  // namespace n2d2::ops
