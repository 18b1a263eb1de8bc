// Gather and GatherElements, which take elements at given places of one axis, and their gradients: what they mean.
#include <fmt/core.h>

#include <cstring>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

template <class T>
void check_constant(const ir::Value& indices, std::int64_t size) {
  for (std::size_t i = 0; i < indices.data.size() / sizeof(T); ++i) {
    T index = 0;
    std::memcpy(&index, indices.data.data() + i * sizeof(T), sizeof(T));
    if (index < -size || index >= size) throw ValueError(fmt::format("index {} is outside [{}, {}]", index, -size, size - 1));
  }
}

/// Constant indices are checked here, others when they are used.
void check_constant(const ir::Value& indices, std::int64_t size) {
  if (indices.kind != ir::ValueKind::constant) return;
  indices.type.dtype == DType::int32 ? check_constant<std::int32_t>(indices, size) : check_constant<std::int64_t>(indices, size);
}

int axis_of(const ir::Node& node, const Shape& data) {
  const int axis = normalized_axis(node.integer("axis"), data.rank(), "axis");
  if (data[axis].per_row) throw UnsupportedError(fmt::format("cannot take along the axis of the batch (data {})", data.text()));
  return axis;
}

Shape gathered(const ir::Node& node, const Shape& data, const ir::Value& indices) {
  const int axis = axis_of(node, data);
  if (indices.is_batched() && (data.is_batched() || axis != 0 || indices.shape().batch_axis() != 0)) {
    throw UnsupportedError(fmt::format("indices {} that depend on the batch take from axis 0 of data that do not, got axis {} of {}",
                                       indices.shape().text(), axis, data.text()));
  }
  if (data.is_batched() && data.batch_axis() != 0)
    throw UnsupportedError(fmt::format("the batch must be axis 0 of the data {}", data.text()));
  std::vector<Dim> dims(data.begin(), data.begin() + axis);
  dims.insert(dims.end(), indices.shape().begin(), indices.shape().end());
  dims.insert(dims.end(), data.begin() + axis + 1, data.end());
  return Shape(std::move(dims));
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_integers(node, 1);
  const Shape& data = node.input_shape(0);
  const Shape y = gathered(node, data, *node.input(1));
  check_constant(*node.input(1), data[axis_of(node, data)].size);
  return {{y, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  attributes.set("input_shape", extents_of(g.input(0)->shape()));
  g.set(0, g.make(g.node().op().name + "Grad", {g.dy(), g.input(1)}, attributes));
}

Types infer_grad(const ir::Node& node) {
  const Shape x = shape_of(node.integers("input_shape"));
  const Shape expected = node.op().name == "GatherGrad" ? gathered(node, x, *node.input(1)) : node.input_shape(1);
  if (!(node.input_shape(0) == expected)) {
    throw ShapeError(fmt::format("dY has shape {}, expected {}", node.input_shape(0).text(), expected.text()));
  }
  return {{x, DType::float32}};
}

Types infer_elements(const ir::Node& node) {
  expect_float(node, 0);
  expect_integers(node, 1);
  const Shape& data = node.input_shape(0);
  const Shape& indices = node.input_shape(1);
  const int axis = axis_of(node, data);
  bool fits = data.rank() == indices.rank() && data.batch_axis() <= 0;
  for (int i = 0; fits && i < data.rank(); ++i) fits = i == axis ? !indices[i].per_row : indices[i] == data[i];
  if (!fits) throw ShapeError(fmt::format("data {} and indices {} differ beside axis {}", data.text(), indices.text(), axis));
  check_constant(*node.input(1), data[axis].size);
  return {{indices, DType::float32}};
}

const std::map<std::string, ir::Attribute> kAttributes = {{"axis", std::int64_t{0}}, {"padding_idx", std::int64_t{-1}}};

OpDef grad_of(const OpDef& op, const char* doc) {
  OpDef def = {.name = op.name + "Grad", .domain = "n2d2", .doc = doc, .inputs = {{"dY"}, {"indices"}}, .outputs = {"dX"}};
  def.attributes = op.attributes;
  def.attributes["input_shape"] = std::vector<std::int64_t>{};
  def.infer = infer_grad;
  return def;
}

}  // namespace

OpDef gather() {
  return {.name = "Gather",
          .since_opset = 13,
          .doc =
              "y[..., i, ...] = data[..., indices[i], ...] along `axis`; constant indices may count from the end. The gradient of place "
              "padding_idx, if 0 or more, stays 0.",
          .inputs = {{"data"}, {"indices"}},
          .outputs = {"output"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient};
}

OpDef gather_grad() { return grad_of(gather(), "dX[..., indices[i], ...] = sum over i of dY[..., i, ...], in the order of i."); }

OpDef gather_elements() {
  return {.name = "GatherElements",
          .since_opset = 13,
          .doc = "y[..., i, ...] = data[..., indices[..., i, ...], ...] along `axis`.",
          .inputs = {{"data"}, {"indices"}},
          .outputs = {"output"},
          .attributes = {{"axis", std::int64_t{0}}},
          .infer = infer_elements,
          .gradient = gradient};
}

OpDef gather_elements_grad() {
  return grad_of(gather_elements(), "dX[..., indices[..., i, ...], ...] = sum over i of dY[..., i, ...], in the order of i.");
}

}  // namespace n2d2::ops
