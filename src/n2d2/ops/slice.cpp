// Slice and Split, which take parts of a tensor: what they mean.
#include "n2d2/ops/slice.h"

#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {

/// Source: ONNX Slice-13: negative numbers count from the end, what lies beyond the ends is cut off.
std::vector<Cut> cuts_of(const ir::Node& node, const Shape& x) {
  const auto& starts = node.integers("starts");
  const auto& ends = node.integers("ends");
  const auto& axes = node.integers("axes");
  const auto& steps = node.integers("steps");
  if (starts.size() != axes.size() || ends.size() != axes.size()) throw ValueError("starts, ends and axes differ in length");
  if (!steps.empty() && steps.size() != axes.size()) throw ValueError("steps and axes differ in length");
  std::vector<Cut> cuts;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = normalized_axis(axes[i], x.rank(), "axes");
    const std::int64_t step = steps.empty() ? 1 : steps[i];
    if (x[axis].per_row) throw UnsupportedError("cannot cut along the axis of the batch");
    if (step == 0) throw ValueError("steps holds 0");
    const std::int64_t size = x[axis].size;
    // Backwards, the end may be -1, in front of the first element.
    const auto bounded = [&](std::int64_t place, std::int64_t most_back) {
      const std::int64_t least = step > 0 ? 0 : -1, most = step > 0 ? size : size - 1;
      return std::clamp(place < 0 ? std::max(place, most_back) + size : place, least, most);
    };
    const std::int64_t start = bounded(starts[i], -size - 1), end = bounded(ends[i], -size - 1);
    const std::int64_t count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
    if (count <= 0)
      throw ValueError(fmt::format("[{}, {}) with step {} takes nothing of axis {} of {}", starts[i], ends[i], step, axis, x.text()));
    cuts.push_back({axis, start, step, count});
  }
  return cuts;
}

namespace {

Shape sliced(const ir::Node& node, const Shape& x) {
  Shape y = x;
  for (const Cut& cut : cuts_of(node, x)) y[cut.axis] = Dim(cut.count);
  return y;
}

Types infer(const ir::Node& node) { return {{sliced(node, node.input_shape(0)), node.input(0)->type.dtype}}; }

void gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  attributes.set("input_shape", extents_of(g.input(0)->shape()));
  g.set(0, g.make("SliceGrad", {g.dy()}, attributes));
}

Types infer_grad(const ir::Node& node) {
  const Shape x = shape_of(node.integers("input_shape"));
  const Shape expected = sliced(node, x);
  if (!(expected == node.input_shape(0))) {
    throw ShapeError(fmt::format("dY has shape {}, expected {}", node.input_shape(0).text(), expected.text()));
  }
  return {{x, DType::float32}};
}

/// Extents of the outputs along the axis.
std::vector<std::int64_t> parts_of(const ir::Node& node, const Shape& x, int axis) {
  std::vector<std::int64_t> parts = node.integers("split");
  if (parts.empty()) {
    const std::int64_t count = node.integer("num_outputs");
    if (count < 1 || count > x[axis].size)
      throw ValueError(fmt::format("attribute 'num_outputs' is {}, expected 1 to {}", count, x[axis].size));
    parts.assign(static_cast<std::size_t>(count), (x[axis].size + count - 1) / count);
    parts.back() = x[axis].size - (count - 1) * parts.front();
  }
  std::int64_t sum = 0;
  for (const std::int64_t part : parts) {
    if (part < 1) throw ValueError(fmt::format("a part of {} elements, expected at least 1", part));
    sum += part;
  }
  if (sum != x[axis].size)
    throw ValueError(fmt::format("the parts have {} elements together, axis {} of {} has {}", sum, axis, x.text(), x[axis].size));
  return parts;
}

int split_axis(const ir::Node& node) { return normalized_axis(node.integer("axis"), node.input_shape(0).rank(), "axis"); }

Types infer_split(const ir::Node& node) {
  Shape x = node.input_shape(0);
  const int axis = split_axis(node);
  if (x[axis].per_row) throw UnsupportedError("cannot split along the axis of the batch");
  Types types;
  for (const std::int64_t part : parts_of(node, node.input_shape(0), axis)) {
    x[axis] = Dim(part);
    types.push_back({x, node.input(0)->type.dtype});
  }
  return types;
}

/// The gradients behind each other; parts that nobody reads have none and leave zeros.
void split_gradient(ir::GradientContext& g) {
  const int axis = split_axis(g.node());
  std::vector<ir::Value*> parts;
  for (std::size_t i = 0; i < g.node().outputs().size(); ++i) parts.push_back(g.dy(i));
  if (std::count(parts.begin(), parts.end(), nullptr) == 0) return g.set(0, g.make("Concat", parts, {{"axis", std::int64_t{axis}}}));
  std::int64_t start = 0;
  ir::Value* sum = nullptr;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::int64_t end = start + g.node().output_shape(i)[axis].size;
    if (parts[i] != nullptr) {
      const auto list = [](std::int64_t number) { return std::vector<std::int64_t>{number}; };
      ir::Value* spread =
          g.make("SliceGrad", {parts[i]},
                 {{"starts", list(start)}, {"ends", list(end)}, {"axes", list(axis)}, {"input_shape", extents_of(g.input(0)->shape())}});
      sum = sum == nullptr ? spread : g.make("Add", {sum, spread});
    }
    start = end;
  }
  g.set(0, sum);
}

const std::map<std::string, ir::Attribute> kAttributes = {{"starts", std::vector<std::int64_t>{}},
                                                          {"ends", std::vector<std::int64_t>{}},
                                                          {"axes", std::vector<std::int64_t>{}},
                                                          {"steps", std::vector<std::int64_t>{}}};

}  // namespace

OpDef slice() {
  return {.name = "Slice",
          .since_opset = 13,
          .doc = "Elements starts[i], starts[i] + steps[i], ... before ends[i] of axis axes[i]; negative numbers count from the end.",
          .inputs = {{"data"}},
          .outputs = {"output"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient};
}

OpDef slice_grad() {
  auto attributes = kAttributes;
  attributes["input_shape"] = std::vector<std::int64_t>{};
  return {.name = "SliceGrad",
          .domain = "n2d2",
          .doc = "dy at the elements that Slice took of the extents input_shape, 0 elsewhere.",
          .inputs = {{"dY"}},
          .outputs = {"dX"},
          .attributes = attributes,
          .infer = infer_grad,
          .gradient = nullptr};
}

OpDef split() {
  return {.name = "Split",
          .since_opset = 18,
          .doc = "Parts of the extents `split` along `axis`, or num_outputs parts of which the last may be smaller.",
          .inputs = {{"input"}},
          .outputs = {"outputs"},
          .attributes = {{"axis", std::int64_t{0}}, {"split", std::vector<std::int64_t>{}}, {"num_outputs", std::int64_t{0}}},
          .infer = infer_split,
          .gradient = split_gradient};
}

}  // namespace n2d2::ops
