// Sigmoid: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void gradient(ir::GradientContext& g) { g.set(0, g.make("SigmoidGrad", {g.dy(), g.output()})); }

}  // namespace

OpDef sigmoid() {
  return {.name = "Sigmoid",
          .since_opset = 13,
          .doc = "1 / (1 + exp(-x)).",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = same_as_first,
          .gradient = gradient};
}

OpDef sigmoid_grad() {
  return {.name = "SigmoidGrad",
          .domain = "n2d2",
          .doc = "dy * y * (1 - y).",
          .inputs = {{"dY"}, {"Y"}},
          .outputs = {"dX"},
          .infer = same_as_both};
}

}  // namespace n2d2::ops
