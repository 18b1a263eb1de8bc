// Concat: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  Shape y = node.input_shape(0);
  const int axis = normalized_axis(node.integer("axis"), y.rank(), "axis");
  if (y[axis].per_row) throw UnsupportedError("cannot run along the axis of the batch");
  for (std::size_t i = 1; i < node.inputs().size(); ++i) {
    Shape x = node.input_shape(i);
    bool fits = x.rank() == y.rank() && !x[axis].per_row;
    for (int a = 0; fits && a < y.rank(); ++a) fits = a == axis || x[a] == y[a];
    if (!fits) throw ShapeError(fmt::format("inputs 0 {} and {} {} differ beside axis {}", node.input_shape(0).text(), i, x.text(), axis));
    y[axis].size += x[axis].size;
  }
  return {{y, node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) {
  const int axis = normalized_axis(g.node().integer("axis"), g.output()->rank(), "axis");
  std::int64_t start = 0;
  for (std::size_t i = 0; i < g.node().inputs().size(); ++i) {
    const std::int64_t end = start + g.node().input_shape(i)[axis].size;
    const auto list = [](std::int64_t number) { return std::vector<std::int64_t>{number}; };
    if (g.wants(i)) g.set(i, g.make("Slice", {g.dy()}, {{"starts", list(start)}, {"ends", list(end)}, {"axes", list(axis)}}));
    start = end;
  }
}

}  // namespace

OpDef concat() {
  return {.name = "Concat",
          .since_opset = 13,
          .doc = "The inputs behind each other along `axis`.",
          .inputs = {{"inputs", ir::Presence::variadic}},
          .outputs = {"concat_result"},
          .attributes = {{"axis", std::int64_t{1}}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
