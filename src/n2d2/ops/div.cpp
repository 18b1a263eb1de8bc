// Div: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_float(node, 1);
  return {{broadcast(node.input_shape(0), node.input_shape(1)), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  ir::Value* scaled = g.make("Div", {g.dy(), g.input(1)});
  if (g.wants(0)) g.set(0, sum_to(g, scaled, g.input(0)));
  if (!g.wants(1)) return;
  ir::Value* product = g.make("Mul", {scaled, g.output()});  // dy / b * (a / b)
  g.set(1, sum_to(g, g.make("Mul", {product, g.scalar(-1.0F)}), g.input(1)));
}

}  // namespace

OpDef div() {
  return {.name = "Div",
          .since_opset = 14,
          .doc = "a / b, broadcast.",
          .inputs = {{"A"}, {"B"}},
          .outputs = {"C"},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
