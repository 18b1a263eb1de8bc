// SoftmaxCrossEntropyLoss: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void expect_labels(const ir::Node& node, std::size_t scores, std::size_t labels) {
  expect_float(node, scores);
  expect_rank(node, scores, 2);
  const TensorType& type = node.input(labels)->type;
  const Shape& x = node.input_shape(scores);
  const bool classes = type.dtype == DType::int64 && type.shape == Shape{x[0]};
  const bool targets = type.dtype == DType::float32 && type.shape == x;
  if (!classes && !targets) {
    throw ShapeError(
        fmt::format("labels are {}, expected int64{} (classes) or float32{} (targets)", type.text(), Shape{x[0]}.text(), x.text()));
  }
}

Types infer(const ir::Node& node) {
  expect_labels(node, 0, 1);
  return {{Shape(), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  if (g.wants(0)) g.set(0, g.make("SoftmaxCrossEntropyLossGrad", {g.dy(), g.input(0), g.input(1)}));  // none flows to the labels
}

Types infer_grad(const ir::Node& node) {
  expect_labels(node, 1, 2);
  return {node.input(1)->type};
}

}  // namespace

OpDef softmax_cross_entropy_loss() {
  return {.name = "SoftmaxCrossEntropyLoss",
          .since_opset = 13,
          .doc = "Mean over the rows of -log(softmax(scores))[label], or of -sum(targets * log(softmax(scores))).",
          .inputs = {{"scores"}, {"labels"}},
          .outputs = {"output"},
          .infer = infer,
          .gradient = gradient};
}

OpDef softmax_cross_entropy_loss_grad() {
  return {.name = "SoftmaxCrossEntropyLossGrad",
          .domain = "n2d2",
          .doc = "dLoss * (softmax(scores) * sum(targets) - targets) / rows; the targets of a class label are 1 at it, 0 elsewhere.",
          .inputs = {{"dLoss"}, {"scores"}, {"labels"}},
          .outputs = {"dscores"},
          .infer = infer_grad};
}

}  // namespace n2d2::ops
