// Relu: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void gradient(ir::GradientContext& g) { g.set(0, g.make("ReluGrad", {g.dy(), g.output()})); }

}  // namespace

OpDef relu() {
  return {.name = "Relu",
          .since_opset = 14,
          .doc = "max(x, 0); NaN stays NaN.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = same_as_first,
          .gradient = gradient};
}

OpDef relu_grad() {
  return {.name = "ReluGrad",
          .domain = "n2d2",
          .doc = "dy where y > 0, else 0.",
          .inputs = {{"dY"}, {"Y"}},
          .outputs = {"dX"},
          .infer = same_as_both};
}

}  // namespace n2d2::ops
