// ReduceSum and ReduceMean, and SumTo, which undoes a broadcast: what they mean.
#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

const std::map<std::string, ir::Attribute> kAttributes = {{"axes", std::vector<std::int64_t>{}}, {"keepdims", std::int64_t{1}}};

std::map<std::string, ir::Attribute> grad_attributes() {
  auto attributes = kAttributes;
  attributes["input_shape"] = std::vector<std::int64_t>{};
  return attributes;
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  return {{reduced_shape(node, node.input_shape(0)), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  attributes.set("input_shape", extents_of(g.input(0)->shape()));
  g.set(0, g.make(g.node().op().name + "Grad", {g.dy()}, attributes));
}

Types infer_grad(const ir::Node& node) {
  Shape x = shape_of(node.integers("input_shape"));
  const Shape expected = reduced_shape(node, x);
  if (!(expected == node.input_shape(0)))
    throw ShapeError(fmt::format("dY has shape {}, expected {}", node.input_shape(0).text(), expected.text()));
  return {{x, DType::float32}};
}

Types infer_sum_to(const ir::Node& node) {
  const Shape y = shape_of(node.integers("shape"));
  const Shape& x = node.input_shape(0);
  if (!(broadcast(x, y) == x)) throw ShapeError(fmt::format("{} is no broadcast of {}", x.text(), y.text()));
  return {{y, DType::float32}};
}

}  // namespace

OpDef reduce_sum() {
  return {.name = "ReduceSum",
          .since_opset = 13,
          .doc = "Sum over `axes` (all when empty).",
          .inputs = {{"data"}},
          .outputs = {"reduced"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient};
}

OpDef reduce_sum_grad() {
  return {.name = "ReduceSumGrad",
          .domain = "n2d2",
          .doc = "dy spread over the extents input_shape.",
          .inputs = {{"dY"}},
          .outputs = {"dX"},
          .attributes = grad_attributes(),
          .infer = infer_grad};
}

OpDef reduce_mean() {
  return {.name = "ReduceMean",
          .since_opset = 13,
          .doc = "Mean over `axes` (all when empty).",
          .inputs = {{"data"}},
          .outputs = {"reduced"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient};
}

OpDef reduce_mean_grad() {
  return {.name = "ReduceMeanGrad",
          .domain = "n2d2",
          .doc = "dy / count spread over the extents input_shape; count is the number of elements of each mean.",
          .inputs = {{"dY"}},
          .outputs = {"dX"},
          .attributes = grad_attributes(),
          .infer = infer_grad};
}

OpDef sum_to() {
  return {.name = "SumTo",
          .domain = "n2d2",
          .doc = "x summed over the axes along which `shape` was broadcast to it.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"shape", std::vector<std::int64_t>{}}},
          .infer = infer_sum_to};
}

}  // namespace n2d2::ops
