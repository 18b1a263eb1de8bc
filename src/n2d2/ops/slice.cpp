// Slice with steps of one: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

struct Cut {
  int axis;
  std::int64_t start, end;
};

std::vector<Cut> cuts_of(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const auto& starts = node.integers("starts");
  const auto& ends = node.integers("ends");
  const auto& axes = node.integers("axes");
  if (starts.size() != axes.size() || ends.size() != axes.size()) throw ValueError("starts, ends and axes differ in length");
  std::vector<Cut> cuts;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalized_axis(axes[i], x.rank(), "axes");
    if (x[axis].per_row) throw UnsupportedError("cannot cut along the axis of the batch");
    if (starts[i] < 0 || ends[i] > x[axis].size || starts[i] >= ends[i]) {
      throw ValueError(fmt::format("[{}, {}) is empty or outside axis {} of {}", starts[i], ends[i], axis, x.text()));
    }
    cuts.push_back({axis, starts[i], ends[i]});
  }
  return cuts;
}

Types infer(const ir::Node& node) {
  Shape y = node.input_shape(0);
  for (const Cut& cut : cuts_of(node)) y[cut.axis] = Dim(cut.end - cut.start);
  return {{y, node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) {
  const Shape& x = g.input(0)->shape();
  std::vector<std::int64_t> pads(2 * static_cast<std::size_t>(x.rank()), 0);
  for (const Cut& cut : cuts_of(g.node())) {
    pads[static_cast<std::size_t>(cut.axis)] = cut.start;
    pads[static_cast<std::size_t>(cut.axis + x.rank())] = x[cut.axis].size - cut.end;
  }
  g.set(0, g.make("Pad", {g.dy()}, {{"pads", pads}}));
}

}  // namespace

OpDef slice() {
  return {
      .name = "Slice",
      .since_opset = 13,
      .doc = "Elements starts[i] to ends[i] of axis axes[i].",
      .inputs = {{"data"}},
      .outputs = {"output"},
      .attributes = {{"starts", std::vector<std::int64_t>{}}, {"ends", std::vector<std::int64_t>{}}, {"axes", std::vector<std::int64_t>{}}},
      .infer = infer,
      .gradient = gradient};
}

}  // namespace n2d2::ops
