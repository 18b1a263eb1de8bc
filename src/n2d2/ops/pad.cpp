// Pad: what it means.
#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/resample.h"

namespace n2d2::ops {
namespace {

/// Throws unless `pads` elements can be taken from the `extent` elements of an axis.
void expect_source(const std::string& mode, std::int64_t pads, std::int64_t extent) {
  if (mode == "constant" || mode == "edge") return;
  if (mode != "reflect" && mode != "wrap") {
    throw UnsupportedError(fmt::format("mode '{}', expected one of constant, reflect, edge, wrap", mode));
  }
  const std::int64_t most = mode == "reflect" ? extent - 1 : extent;
  if (pads > most) throw ShapeError(fmt::format("mode {} cannot add {} elements to an axis of extent {}", mode, pads, extent));
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  const std::string& mode = node.attributes().text("mode");
  Shape y = node.input_shape(0);
  const auto rank = static_cast<std::size_t>(y.rank());
  const auto& pads = expect_list(node, "pads", 2 * rank, 0);
  for (std::size_t axis = 0; axis < rank; ++axis) {
    const std::int64_t more = pads[axis] + pads[axis + rank];
    Dim& dim = y[static_cast<int>(axis)];
    if (dim.per_row && more != 0) throw UnsupportedError("cannot pad the axis of the batch");
    expect_source(mode, std::max(pads[axis], pads[axis + rank]), dim.size);
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

/// Which of `extent` elements stands at place `i`, which may lie outside.
std::int64_t source_of(const std::string& mode, std::int64_t i, std::int64_t extent) {
  if (mode == "edge") return std::clamp<std::int64_t>(i, 0, extent - 1);
  if (mode == "wrap") return (i + extent) % extent;
  return i < 0 ? -i : i < extent ? i : 2 * extent - 2 - i;
}

/// Every mode but constant, axis by axis.
void expand_copies(ir::ExpandContext& e) {
  const std::string& mode = e.node().attributes().text("mode");
  if (mode == "constant") return;
  const auto& pads = e.node().integers("pads");
  ir::Value* value = e.input(0);
  for (int axis = 0; axis < value->rank(); ++axis) {
    const Dim extent = value->shape()[axis];
    if (extent.per_row) continue;
    const std::int64_t begin = pads[static_cast<std::size_t>(axis)], end = pads[static_cast<std::size_t>(axis + value->rank())];
    Taps taps;
    for (std::int64_t i = -begin; i < extent.size + end; ++i) taps.push_back({{source_of(mode, i, extent.size)}});
    value = resampled(e, value, axis, taps);
  }
  e.set(0, value);
}

}  // namespace

OpDef pad() {
  return {
      .name = "Pad",
      .since_opset = 13,
      .doc =
          "`value` before and behind each axis: pads = all begins, then all ends; or, by mode, elements mirrored at the border (reflect), "
          "the outermost ones (edge) or those of the other end (wrap).",
      .inputs = {{"data"}},
      .outputs = {"output"},
      .attributes = {{"pads", std::vector<std::int64_t>{}}, {"value", 0.0}, {"mode", std::string("constant")}},
      .infer = infer,
      .gradient = gradient,
      .expand = expand_copies};
}

}  // namespace n2d2::ops
