// Gemm: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  for (const std::size_t i : {0, 1}) {
    expect_float(node, i);
    expect_rank(node, i, 2);
  }
  const bool trans_a = node.integer("transA") != 0;
  const bool trans_b = node.integer("transB") != 0;
  const Shape& a = node.input_shape(0);
  const Shape& b = node.input_shape(1);
  if (!(a[trans_a ? 0 : 1] == b[trans_b ? 1 : 0])) {
    throw ShapeError(fmt::format("the inner extents of A {}{} and B {}{} differ", a.text(), trans_a ? " transposed" : "", b.text(),
                                 trans_b ? " transposed" : ""));
  }
  const Shape y = {a[trans_a ? 1 : 0], b[trans_b ? 0 : 1]};
  if (node.input(2) != nullptr && !(broadcast(node.input_shape(2), y) == y)) {
    throw ShapeError(fmt::format("C {} does not broadcast to {}", node.input_shape(2).text(), y.text()));
  }
  return {{y, DType::float32}};
}

/// y = alpha * op(A) * op(B) + beta * C.
void gradient(ir::GradientContext& g) {
  const std::int64_t trans_a = g.node().integer("transA");
  const std::int64_t trans_b = g.node().integer("transB");
  const double alpha = g.node().number("alpha");
  const auto product = [&](ir::Value* a, std::int64_t ta, ir::Value* b, std::int64_t tb) {
    return g.make("Gemm", {a, b}, {{"transA", ta}, {"transB", tb}, {"alpha", alpha}});
  };
  if (g.wants(0)) g.set(0, trans_a ? product(g.input(1), trans_b, g.dy(), 1) : product(g.dy(), 0, g.input(1), 1 - trans_b));
  if (g.wants(1)) g.set(1, trans_b ? product(g.dy(), 1, g.input(0), trans_a) : product(g.input(0), 1 - trans_a, g.dy(), 0));
  if (!g.wants(2)) return;
  ir::Value* scaled = g.dy();
  const double beta = g.node().number("beta");
  if (beta != 1.0) scaled = g.make("Mul", {scaled, g.scalar(static_cast<float>(beta))});
  g.set(2, sum_to(g, scaled, g.input(2)));
}

}  // namespace

OpDef gemm() {
  return {.name = "Gemm",
          .since_opset = 13,
          .doc = "alpha * op(A) * op(B) + beta * C; op transposes where transA, transB are 1.",
          .inputs = {{"A"}, {"B"}, {"C", ir::Presence::optional}},
          .outputs = {"Y"},
          .attributes = {{"alpha", 1.0}, {"beta", 1.0}, {"transA", std::int64_t{0}}, {"transB", std::int64_t{0}}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
