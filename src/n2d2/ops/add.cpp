// Add: what it means.
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
  for (const std::size_t i : {0, 1}) {
    if (g.wants(i)) g.set(i, sum_to(g, g.dy(), g.input(i)));
  }
}

}  // namespace

OpDef add() {
  return {.name = "Add",
          .since_opset = 14,
          .doc = "a + b, broadcast.",
          .inputs = {{"A"}, {"B"}},
          .outputs = {"C"},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
