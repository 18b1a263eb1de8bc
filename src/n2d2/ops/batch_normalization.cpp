// BatchNormalization: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  const Shape& x = node.input_shape(0);
  if (x.rank() < 2 || x.rank() > 4) throw ShapeError(fmt::format("input X has rank {}, expected 2, 3 or 4 (shape {})", x.rank(), x.text()));
  const Shape channels = {x[1]};
  for (std::size_t i = 1; i < 5; ++i) {
    if (node.input_shape(i) == channels) continue;
    throw ShapeError(fmt::format("{} has shape {}, expected {} (input {})", node.op().inputs[i].name, node.input_shape(i).text(),
                                 channels.text(), x.text()));
  }
  return {node.input(0)->type, {channels, DType::float32}, {channels, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  const ir::Node& node = g.make_node("BatchNormalizationGrad", {g.dy(), g.input(0), g.input(1), g.output(1), g.output(2)},
                                     {{"training_mode", g.node().integer("training_mode")}});
  for (const std::size_t i : {0, 1, 2}) {
    if (g.wants(i)) g.set(i, node.output(i));
  }
}

Types infer_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
  return {node.input(1)->type, node.input(2)->type, node.input(2)->type};
}

}  // namespace

OpDef batch_normalization() {
  return {
      .name = "BatchNormalization",
      .since_opset = 15,
      .doc =
          "scale * (x - mean) / sqrt(var + epsilon) + B over axis 1: with training_mode of the batch, whose statistics move the running "
          "ones (running * momentum + batch * (1 - momentum)), else of the running ones. saved_mean, saved_inv_std are those used.",
      .inputs = {{"X"}, {"scale"}, {"B"}, {"input_mean"}, {"input_var"}},
      .outputs = {"Y", "saved_mean", "saved_inv_std"},
      .attributes = {{"epsilon", 1e-5}, {"momentum", 0.9}, {"training_mode", std::int64_t{0}}, {"unbiased_variance", std::int64_t{0}}},
      .infer = infer,
      .gradient = gradient};
}

/// Source: Ioffe and Szegedy 2015, section 3.
OpDef batch_normalization_grad() {
  return {.name = "BatchNormalizationGrad",
          .domain = "n2d2",
          .doc =
              "With h = (x - mean) * inv_std: dB = sum(dy), dscale = sum(dy * h), dx = scale * inv_std * (dy - (dB + h * dscale) / count); "
              "without training_mode dx = scale * inv_std * dy.",
          .inputs = {{"dY"}, {"X"}, {"scale"}, {"saved_mean"}, {"saved_inv_std"}},
          .outputs = {"dX", "dscale", "dB"},
          .attributes = {{"training_mode", std::int64_t{0}}},
          .infer = infer_grad};
}

}  // namespace n2d2::ops
