// MatMul with a matrix on the right: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_float(node, 1);
  expect_rank(node, 1, 2);
  const Shape& a = node.input_shape(0);
  const Shape& b = node.input_shape(1);
  if (a.rank() < 2) throw ShapeError(fmt::format("input A {} has rank {}, expected at least 2", a.text(), a.rank()));
  if (!(a[a.rank() - 1] == b[0])) throw ShapeError(fmt::format("the inner extents of A {} and B {} differ", a.text(), b.text()));
  Shape y = a;
  y[a.rank() - 1] = b[1];
  return {{y, DType::float32}};
}

/// The leading axes as one: [rows * k, last].
ir::Value* as_matrix(ir::GradientContext& g, ir::Value* value) {
  if (value->rank() == 2) return value;
  const std::int64_t last = value->type.shape[value->rank() - 1].size;
  return g.make("Reshape", {value}, {{"shape", std::vector<std::int64_t>{-1, last}}});
}

void gradient(ir::GradientContext& g) {
  if (g.wants(0)) {
    ir::Value* matrix = g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}});
    if (g.input(0)->rank() != 2) matrix = reshaped_like(g, matrix, g.input(0));
    g.set(0, matrix);
  }
  if (g.wants(1)) g.set(1, g.make("Gemm", {as_matrix(g, g.input(0)), as_matrix(g, g.dy())}, {{"transA", std::int64_t{1}}}));
}

}  // namespace

OpDef matmul() {
  return {.name = "MatMul",
          .since_opset = 13,
          .doc = "y[..., m] = sum over k of a[..., k] * b[k, m].",
          .inputs = {{"A"}, {"B"}},
          .outputs = {"Y"},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
