// Tanh: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

void gradient(ir::GradientContext& g) { g.set(0, g.make("TanhGrad", {g.dy(), g.output()})); }

}  // namespace

OpDef tanh() {
  return {.name = "Tanh",
          .since_opset = 13,
          .doc = "tanh(x).",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = same_as_first,
          .gradient = gradient};
}

OpDef tanh_grad() {
  return {.name = "TanhGrad",
          .domain = "n2d2",
          .doc = "dy * (1 - y * y).",
          .inputs = {{"dY"}, {"Y"}},
          .outputs = {"dX"},
          .infer = same_as_both};
}

}  // namespace n2d2::ops
