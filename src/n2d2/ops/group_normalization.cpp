// GroupNormalization and InstanceNormalization: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ir/expand_context.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void expect_channels(const ir::Node& node, int least_rank) {
  expect_float(node, 0);
  const Shape& x = node.input_shape(0);
  if (x.rank() < least_rank || x.batch_axis() > 0) {
    throw ShapeError(
        fmt::format("input {} has shape {}, expected at least {} axes, the batch first", node.op().inputs[0].name, x.text(), least_rank));
  }
  for (std::size_t i = 1; i < node.inputs().size(); ++i) {
    if (node.input(i) == nullptr || node.input_shape(i) == Shape{x[1]}) continue;
    throw ShapeError(fmt::format("{} has shape {}, expected [{}] (input {})", node.op().inputs[i].name, node.input_shape(i).text(),
                                 x[1].size, x.text()));
  }
  if (node.input(2) != nullptr && node.input(1) == nullptr) throw ValueError("a bias needs a scale");
}

Types infer(const ir::Node& node) {
  expect_channels(node, 2);
  const Shape& x = node.input_shape(0);
  const std::int64_t groups = node.integer("num_groups");
  if (groups < 1 || x[1].size % groups != 0) {
    throw ValueError(fmt::format("num_groups {} does not divide the {} channels (input {})", groups, x[1].size, x.text()));
  }
  const ir::TensorType statistics = {{x[0], groups}, DType::float32};
  return {node.input(0)->type, statistics, statistics};
}

void gradient(ir::GradientContext& g) {
  const ir::Node& node = g.make_node("GroupNormalizationGrad", {g.dy(), g.input(0), g.output(1), g.output(2), g.input(1)},
                                     {{"has_bias", std::int64_t{g.input(2) != nullptr}}});
  for (std::size_t i = 0; i < node.outputs().size(); ++i) g.set(i, node.output(i));
}

Types infer_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  Types types = {node.input(1)->type};
  if (node.input(4) != nullptr) types.push_back(node.input(4)->type);
  if (node.integer("has_bias") != 0) types.push_back(types.back());
  return types;
}

Types infer_instance(const ir::Node& node) {
  expect_channels(node, 3);
  return {node.input(0)->type};
}

void expand_instance(ir::ExpandContext& e) {
  const ir::Attributes attributes = {{"num_groups", e.node().input_shape(0)[1].size}, {"epsilon", e.node().number("epsilon")}};
  e.set(0, e.make("GroupNormalization", e.node().inputs(), attributes));
}

const std::vector<ir::InputDef> kInputs = {{"X"}, {"scale", ir::Presence::optional}, {"B", ir::Presence::optional}};

}  // namespace

OpDef group_normalization() {
  return {.name = "GroupNormalization",
          .since_opset = 21,
          .doc = "(x - mean) / sqrt(var + epsilon) * scale[c] + B[c], mean and (biased) variance of C / num_groups channels of one image.",
          .inputs = kInputs,
          .outputs = {"Y", "Mean", "InvStdDev"},
          .attributes = {{"num_groups", std::int64_t{1}}, {"epsilon", 1e-5}},
          .infer = infer,
          .gradient = gradient};
}

/// Source: Wu and He 2018, section 3.
OpDef group_normalization_grad() {
  return {.name = "GroupNormalizationGrad",
          .domain = "n2d2",
          .doc =
              "With h = (x - mean) * inv_std and g = dy * scale: dx = inv_std * (g - mean(g) - h * mean(g * h)), means over the group; "
              "dscale = sum(dy * h), dB = sum(dy) over all but the channels.",
          .inputs = {{"dY"}, {"X"}, {"Mean"}, {"InvStdDev"}, {"scale", ir::Presence::optional}},
          .outputs = {"dX", "dscale", "dB"},
          .attributes = {{"has_bias", std::int64_t{0}}},
          .infer = infer_grad};
}

OpDef instance_normalization() {
  return {.name = "InstanceNormalization",
          .since_opset = 22,
          .doc = "GroupNormalization with as many groups as channels.",
          .inputs = kInputs,
          .outputs = {"Y"},
          .attributes = {{"epsilon", 1e-5}},
          .infer = infer_instance,
          .expand = expand_instance};
}

}  // namespace n2d2::ops
