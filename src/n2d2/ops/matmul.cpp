// MatMul: what it means.
#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

/// One matrix on the right for all rows: the axes of A but the last become one.
bool is_right_matrix(const ir::Value& b) { return b.rank() == 2 && !b.is_batched(); }

/// All axes but the last two.
Shape leading(const Shape& shape) { return Shape(std::vector<Dim>(shape.begin(), shape.end() - 2)); }

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_float(node, 1);
  const Shape& a = node.input_shape(0);
  const Shape& b = node.input_shape(1);
  for (const auto& [name, shape] : {std::pair("A", &a), std::pair("B", &b)}) {
    if (shape->rank() < 2)
      throw ShapeError(fmt::format("input {} {} has rank {}, expected at least 2", name, shape->text(), shape->rank()));
  }
  if (!(a[a.rank() - 1] == b[b.rank() - 2])) throw ShapeError(fmt::format("the inner extents of A {} and B {} differ", a.text(), b.text()));
  const Dim last = b[b.rank() - 1];
  if (is_right_matrix(*node.input(1))) {
    Shape y = a;
    y[a.rank() - 1] = last;
    return {{y, DType::float32}};
  }
  const Dim rows = a[a.rank() - 2];
  if (rows.per_row || last.per_row || a[a.rank() - 1].per_row) {
    throw UnsupportedError(fmt::format("the batch must be one of the leading axes (A {}, B {})", a.text(), b.text()));
  }
  std::vector<Dim> dims = broadcast(leading(a), leading(b)).dims();
  dims.push_back(rows);
  dims.push_back(last);
  return {{Shape(std::move(dims)), DType::float32}};
}

/// The leading axes as one: [rows * k, last].
ir::Value* as_matrix(ir::GradientContext& g, ir::Value* value) {
  if (value->rank() == 2) return value;
  const std::int64_t last = value->type.shape[value->rank() - 1].size;
  return g.make("Reshape", {value}, {{"shape", std::vector<std::int64_t>{-1, last}}});
}

void gradient_of_right_matrix(ir::GradientContext& g) {
  if (g.wants(0)) {
    ir::Value* matrix = g.make("Gemm", {as_matrix(g, g.dy()), g.input(1)}, {{"transB", std::int64_t{1}}});
    if (g.input(0)->rank() != 2) matrix = reshaped_like(g, matrix, g.input(0));
    g.set(0, matrix);
  }
  if (g.wants(1)) g.set(1, g.make("Gemm", {as_matrix(g, g.input(0)), as_matrix(g, g.dy())}, {{"transA", std::int64_t{1}}}));
}

/// With the last two axes exchanged; moves no memory.
ir::Value* transposed(ir::GradientContext& g, ir::Value* value) {
  std::vector<std::int64_t> perm(static_cast<std::size_t>(value->rank()));
  std::iota(perm.begin(), perm.end(), 0);
  std::swap(perm.end()[-1], perm.end()[-2]);
  return g.make("Transpose", {value}, {{"perm", perm}});
}

void gradient(ir::GradientContext& g) {
  if (is_right_matrix(*g.input(1))) return gradient_of_right_matrix(g);
  if (g.wants(0)) g.set(0, sum_to(g, g.make("MatMul", {g.dy(), transposed(g, g.input(1))}), g.input(0)));
  if (g.wants(1)) g.set(1, sum_to(g, g.make("MatMul", {transposed(g, g.input(0)), g.dy()}), g.input(1)));
}

}  // namespace

OpDef matmul() {
  return {.name = "MatMul",
          .since_opset = 13,
          .doc = "y[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]; the leading axes broadcast.",
          .inputs = {{"A"}, {"B"}},
          .outputs = {"Y"},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
