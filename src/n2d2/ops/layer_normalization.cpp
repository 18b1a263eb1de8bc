// LayerNormalization and RMSNormalization over the last axes: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

/// The axes that are normalised.
Shape normalized_shape(const ir::Node& node, const Shape& x) {
  const int axis = normalized_axis(node.integer("axis"), x.rank(), "axis");
  std::vector<Dim> dims;
  for (int i = axis; i < x.rank(); ++i) {
    if (x[i].per_row) throw UnsupportedError(fmt::format("cannot normalise over the axis of the batch (input {})", x.text()));
    dims.push_back(x[i]);
  }
  return Shape(std::move(dims));
}

/// Mean and inverse deviation: the axes that are normalised have extent 1.
TensorType statistics(const ir::Node& node, Shape x) {
  for (int i = normalized_axis(node.integer("axis"), x.rank(), "axis"); i < x.rank(); ++i) x[i] = Dim(1);
  return {x, DType::float32};
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  const Shape& x = node.input_shape(0);
  const Shape wanted = normalized_shape(node, x);
  for (std::size_t i = 1; i < node.inputs().size(); ++i) {
    if (node.input(i) == nullptr || node.input_shape(i) == wanted) continue;
    throw ShapeError(fmt::format("{} has shape {}, expected {} (input {}, axis {})", node.op().inputs[i].name, node.input_shape(i).text(),
                                 wanted.text(), x.text(), node.integer("axis")));
  }
  if (node.input(2) != nullptr && node.input(1) == nullptr) throw ValueError("a bias needs a scale");
  Types types(node.op().outputs.size(), statistics(node, x));
  types[0] = node.input(0)->type;
  return types;
}

/// Sets the gradients of X, Scale and B from the outputs of `<Op>Grad`, which are as many as the inputs.
void gradient(ir::GradientContext& g) {
  std::vector<ir::Value*> inputs = {g.dy(), g.input(0)};
  for (std::size_t i = 1; i < g.node().outputs().size(); ++i) inputs.push_back(g.output(i));
  inputs.push_back(g.input(1));
  const ir::Attributes attributes = {{"axis", g.node().integer("axis")}, {"has_bias", std::int64_t{g.input(2) != nullptr}}};
  const ir::Node& node = g.make_node(g.node().op().name + "Grad", inputs, attributes);
  for (std::size_t i = 0; i < node.outputs().size(); ++i) g.set(i, node.output(i));
}

Types infer_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  Types types = {node.input(1)->type};
  if (node.inputs().back() != nullptr) types.push_back(node.inputs().back()->type);
  if (node.integer("has_bias") != 0) types.push_back(types.back());
  return types;
}

const std::map<std::string, ir::Attribute> kGradAttributes = {{"axis", std::int64_t{-1}}, {"has_bias", std::int64_t{0}}};

}  // namespace

OpDef layer_normalization() {
  return {.name = "LayerNormalization",
          .since_opset = 17,
          .doc = "(x - mean) / sqrt(var + epsilon) * Scale + B, mean and (biased) variance over the axes from `axis` on.",
          .inputs = {{"X"}, {"Scale", ir::Presence::optional}, {"B", ir::Presence::optional}},
          .outputs = {"Y", "Mean", "InvStdDev"},
          .attributes = {{"axis", std::int64_t{-1}}, {"epsilon", 1e-5}},
          .infer = infer,
          .gradient = gradient};
}

/// Source: Ba, Kiros and Hinton 2016, section 3.
OpDef layer_normalization_grad() {
  return {.name = "LayerNormalizationGrad",
          .domain = "n2d2",
          .doc =
              "With h = (x - mean) * inv_std and g = dy * Scale: dx = inv_std * (g - mean(g) - h * mean(g * h)); dScale = sum(dy * h), "
              "dB = sum(dy) over all but the normalised axes.",
          .inputs = {{"dY"}, {"X"}, {"Mean"}, {"InvStdDev"}, {"Scale", ir::Presence::optional}},
          .outputs = {"dX", "dScale", "dB"},
          .attributes = kGradAttributes,
          .infer = infer_grad};
}

OpDef rms_normalization() {
  return {.name = "RMSNormalization",
          .since_opset = 23,
          .doc = "x / sqrt(mean(x * x) + epsilon) * Scale, the mean over the axes from `axis` on.",
          .inputs = {{"X"}, {"Scale", ir::Presence::optional}},
          .outputs = {"Y", "InvStdDev"},
          .attributes = {{"axis", std::int64_t{-1}}, {"epsilon", 1e-5}},
          .infer = infer,
          .gradient = gradient};
}

/// Source: Zhang and Sennrich 2019, section 4.
OpDef rms_normalization_grad() {
  return {.name = "RMSNormalizationGrad",
          .domain = "n2d2",
          .doc = "With h = x * inv_std and g = dy * Scale: dx = inv_std * (g - h * mean(g * h)); dScale = sum(dy * h).",
          .inputs = {{"dY"}, {"X"}, {"InvStdDev"}, {"Scale", ir::Presence::optional}},
          .outputs = {"dX", "dScale"},
          .attributes = kGradAttributes,
          .infer = infer_grad};
}

}  // namespace n2d2::ops
