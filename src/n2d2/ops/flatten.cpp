// Flatten: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const int axis = node.integer("axis") == x.rank() ? x.rank() : normalized_axis(node.integer("axis"), x.rank(), "axis");
  Dim rows(1);
  Dim columns(1);
  for (int i = 0; i < x.rank(); ++i) {
    Dim& side = i < axis ? rows : columns;
    side.size *= x[i].size;
    side.per_row = side.per_row || x[i].per_row;
  }
  return {{{rows, columns}, node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) { g.set(0, reshaped_like(g, g.dy(), g.input(0))); }

}  // namespace

OpDef flatten() {
  return {.name = "Flatten",
          .since_opset = 13,
          .doc = "Axes before `axis` become one, those from it on another; row-major.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"axis", std::int64_t{1}}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
