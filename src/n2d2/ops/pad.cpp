// Pad with a constant: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  Shape y = node.input_shape(0);
  const auto rank = static_cast<std::size_t>(y.rank());
  const auto& pads = expect_list(node, "pads", 2 * rank, 0);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t more = pads[axis] + pads[axis + rank];
    Dim& dim = y[static_cast<int>(axis)];
    if (dim.per_row && more != 0) throw UnsupportedError("cannot pad the axis of the batch");
    dim.size += more;
  }
  return {{y, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  const Shape& x = g.input(0)->shape();
  const auto& pads = g.node().integers("pads");
  std::vector<std::int64_t> starts, ends, axes;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (x[axis].per_row) continue;
    axes.push_back(axis);
    starts.push_back(pads[static_cast<std::size_t>(axis)]);
    ends.push_back(starts.back() + x[axis].size);
  }
  g.set(0, g.make("Slice", {g.dy()}, {{"starts", starts}, {"ends", ends}, {"axes", axes}}));
}

}  // namespace

OpDef pad() {
  return {.name = "Pad",
          .since_opset = 13,
          .doc = "`value` before and behind each axis: pads = all begins, then all ends.",
          .inputs = {{"data"}},
          .outputs = {"output"},
          .attributes = {{"pads", std::vector<std::int64_t>{}}, {"value", 0.0}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
