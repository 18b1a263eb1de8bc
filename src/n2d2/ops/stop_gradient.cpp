// StopGradient: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) { return {node.input(0)->type}; }

}  // namespace

OpDef stop_gradient() {
  return {.name = "StopGradient",
          .domain = "n2d2",
          .doc = "The same tensor; no gradient flows back through it.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = infer};
}

}  // namespace n2d2::ops
