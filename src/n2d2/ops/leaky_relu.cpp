// LeakyRelu: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void gradient(ir::GradientContext& g) { g.set(0, g.make("LeakyReluGrad", {g.dy(), g.input(0)}, {{"alpha", g.node().number("alpha")}})); }

}  // namespace

OpDef leaky_relu() {
  return {.name = "LeakyRelu",
          .since_opset = 16,
          .doc = "x where x >= 0, else alpha * x.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"alpha", 0.01}},
          .infer = same_as_first,
          .gradient = gradient};
}

OpDef leaky_relu_grad() {
  return {.name = "LeakyReluGrad",
          .domain = "n2d2",
          .doc = "dy where x > 0, else alpha * dy.",
          .inputs = {{"dY"}, {"X"}},
          .outputs = {"dX"},
          .attributes = {{"alpha", 0.01}},
          .infer = same_as_both};
}

}  // namespace n2d2::ops
