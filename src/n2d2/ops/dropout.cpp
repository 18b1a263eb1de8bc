// Operators that draw random numbers: what they mean. The numbers are Philox4x32-10 by logical element index, one key per forward.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void expect_ratio(const ir::Node& node) {
  const double ratio = node.number("ratio");
  if (!(ratio >= 0.0 && ratio <= 1.0)) throw ValueError(fmt::format("attribute 'ratio' is {}, expected 0 to 1", ratio));
}

bool draws(const ir::Node& node) { return node.integer("training_mode") != 0 && node.number("ratio") > 0.0; }

Types infer_mask(const ir::Node& node) {
  expect_float(node, 0);
  expect_ratio(node);
  const Shape& x = node.input_shape(0);
  for (const std::int64_t axis : node.integers("shared_axes")) {
    if (normalized_axis(axis, x.rank(), "shared_axes") == x.batch_axis()) throw UnsupportedError("shared_axes holds the axis of the batch");
  }
  return {node.input(0)->type, {x, DType::uint8}};
}

void masked_gradient(ir::GradientContext& g) {
  const ir::Attributes ratio = {{"ratio", g.node().number("ratio")}};
  g.set(0, draws(g.node()) ? g.make(g.node().op().name + "Grad", {g.dy(), g.output(1)}, ratio) : g.dy());
}

Types infer_masked_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  return {node.input(0)->type};
}

Types infer_noise(const ir::Node& node) {
  expect_float(node, 0);
  expect_ratio(node);
  if (node.number("ratio") == 1.0) throw ValueError("attribute 'ratio' is 1, expected less");
  return {node.input(0)->type, node.input(0)->type};
}

void noise_gradient(ir::GradientContext& g) { g.set(0, draws(g.node()) ? g.make("Mul", {g.dy(), g.output(1)}) : g.dy()); }

Types infer_normal(const ir::Node& node) {
  if (!(node.number("stddev") >= 0.0)) throw ValueError(fmt::format("attribute 'stddev' is {}, expected 0 or more", node.number("stddev")));
  return same_as_first(node);
}

void passed_gradient(ir::GradientContext& g) { g.set(0, g.dy()); }

OpDef drop(const char* name, int since_opset, const char* doc) {
  return {.name = name,
          .domain = since_opset == 0 ? "n2d2" : "",
          .since_opset = since_opset,
          .doc = doc,
          .inputs = {{"data"}},
          .outputs = {"output", "mask"},
          .attributes = {{"ratio", 0.5}, {"training_mode", std::int64_t{0}}, {"shared_axes", std::vector<std::int64_t>{}}},
          .infer = infer_mask,
          .gradient = masked_gradient};
}

OpDef drop_grad(const char* name, const char* doc) {
  return {.name = name,
          .domain = "n2d2",
          .doc = doc,
          .inputs = {{"dY"}, {"mask"}},
          .outputs = {"dX"},
          .attributes = {{"ratio", 0.5}},
          .infer = infer_masked_grad};
}

}  // namespace

std::vector<OpDef> random_operators() {
  return {
      drop(
          "Dropout", 13,
          "With training_mode: x / (1 - ratio) where mask is 1, 0 with probability ratio; otherwise x. The mask is one along shared_axes."),
      drop_grad("DropoutGrad", "dy / (1 - ratio) where mask is 1, else 0."),
      drop(
          "AlphaDropout", 0,
          "With training_mode: a x + b where mask is 1, a s + b with probability ratio; s = -1.758 is the limit of Selu, a and b keep mean "
          "and variance; otherwise x."),
      drop_grad("AlphaDropoutGrad", "a dy where mask is 1, else 0."),
      {.name = "GaussianDropout",
       .domain = "n2d2",
       .doc = "With training_mode: x * noise, normal around 1 with the variance ratio / (1 - ratio); otherwise x.",
       .inputs = {{"data"}},
       .outputs = {"output", "noise"},
       .attributes = {{"ratio", 0.5}, {"training_mode", std::int64_t{0}}},
       .infer = infer_noise,
       .gradient = noise_gradient},
      {.name = "RandomNormal",
       .domain = "n2d2",
       .doc = "x + stddev * noise, which is normal.",
       .inputs = {{"X"}},
       .outputs = {"Y"},
       .attributes = {{"stddev", 1.0}},
       .infer = infer_normal,
       .gradient = passed_gradient},
  };
}

}  // namespace n2d2::ops
