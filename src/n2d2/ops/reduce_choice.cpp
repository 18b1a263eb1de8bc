// Reductions that are no sums, their gradients, ArgMax, ArgMin and CumSum: what they mean. None goes over the axis of the batch.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

using Attributes = std::map<std::string, ir::Attribute>;
const Attributes kAttributes = {{"axes", std::vector<std::int64_t>{}}, {"keepdims", std::int64_t{1}}};

Attributes with_ties() {
  Attributes attributes = kAttributes;
  attributes["ties"] = std::string("share");
  return attributes;
}

Shape reduced_inside_rows(const ir::Node& node, const Shape& x) {
  const Shape y = reduced_shape(node, x);
  if (x.is_batched() && !y.is_batched()) throw UnsupportedError("goes over the axis of the batch; supported are the others");
  return y;
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  return {{reduced_inside_rows(node, node.input_shape(0)), DType::float32}};
}

Types infer_ties(const ir::Node& node) {
  const std::string& ties = node.attributes().text("ties");
  if (ties != "share" && ties != "first") throw ValueError(fmt::format("attribute 'ties' is '{}', expected 'share' or 'first'", ties));
  if (ties == "first" && node.integers("axes").size() != 1) throw UnsupportedError("ties = first goes over one axis alone");
  return infer(node);
}

Types infer_grad(const ir::Node& node) {
  const Shape& x = node.input_shape(1);
  const Shape expected = reduced_inside_rows(node, x);
  for (const std::size_t i : {0, 2}) {
    if (!(node.input_shape(i) == expected)) {
      throw ShapeError(fmt::format("dY and Y have shape {}, expected {}", node.input_shape(i).text(), expected.text()));
    }
  }
  return {{x, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  g.set(0, g.make(g.node().op().name + "Grad", {g.dy(), g.input(0), g.output()}, g.node().attributes()));
}

int axis_inside_rows(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const int axis = normalized_axis(node.integer("axis"), x.rank(), "axis");
  if (axis == x.batch_axis()) throw UnsupportedError("goes along the axis of the batch; supported are the others");
  return axis;
}

Types infer_place(const ir::Node& node) {
  expect_float(node, 0);
  const int axis = axis_inside_rows(node);
  std::vector<Dim> dims = node.input_shape(0).dims();
  if (node.integer("keepdims") != 0) {
    dims[static_cast<std::size_t>(axis)] = Dim(1);
  } else {
    dims.erase(dims.begin() + axis);
  }
  return {{Shape(std::move(dims)), DType::int64}};
}

OpDef place_of(const char* name, const char* doc) {
  return {.name = name,
          .since_opset = 13,
          .doc = doc,
          .inputs = {{"data"}},
          .outputs = {"reduced"},
          .attributes = {{"axis", std::int64_t{0}}, {"keepdims", std::int64_t{1}}},
          .infer = infer_place};
}

Types infer_running(const ir::Node& node) {
  axis_inside_rows(node);
  return same_as_first(node);
}

void running_gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  attributes.set("reverse", std::int64_t{1 - g.node().integer("reverse")});
  g.set(0, g.make("CumSum", {g.dy()}, attributes));
}

struct Reduction {
  const char* name;
  const char* doc;
  const char* grad_doc;
  Attributes attributes = kAttributes;
  ir::Infer infer = ops::infer;
};

std::vector<Reduction> reductions() {
  const char* of_ties = "dy where x = y: shared by equals, or with ties = first to the first alone.";
  return {
      {"ReduceMax", "The largest, NaN if there is one.", of_ties, with_ties(), infer_ties},
      {"ReduceMin", "The smallest, NaN if there is one.", of_ties, with_ties(), infer_ties},
      {"ReduceProd", "The product.", "dy times the product of all others."},
      {"ReduceL1", "The sum of |x|.", "dy * sign(x)."},
      {"ReduceL2", "The root of the sum of x * x.", "dy * x / y, 0 where y is 0."},
      {"ReduceLogSumExp", "log of the sum of exp(x).", "dy * exp(x - y)."},
  };
}

}  // namespace

std::vector<OpDef> choosing_reductions() {
  std::vector<OpDef> all;
  for (const Reduction& r : reductions()) {
    all.push_back({.name = r.name,
                   .since_opset = 18,
                   .doc = r.doc,
                   .inputs = {{"data"}},
                   .outputs = {"reduced"},
                   .attributes = r.attributes,
                   .infer = r.infer,
                   .gradient = gradient});
    all.push_back({.name = std::string(r.name) + "Grad",
                   .domain = "n2d2",
                   .doc = r.grad_doc,
                   .inputs = {{"dY"}, {"X"}, {"Y"}},
                   .outputs = {"dX"},
                   .attributes = r.attributes,
                   .infer = infer_grad});
  }
  all.push_back(place_of("ArgMax", "The place of the largest along the axis, of the first NaN if there is one, as int64."));
  all.push_back(place_of("ArgMin", "The place of the smallest along the axis, of the first NaN if there is one, as int64."));
  all.push_back({.name = "CumSum",
                 .since_opset = 14,
                 .doc = "The sum of all up to this one along the axis: without itself if exclusive, from the end if reverse.",
                 .inputs = {{"x"}},
                 .outputs = {"y"},
                 .attributes = {{"axis", std::int64_t{0}}, {"exclusive", std::int64_t{0}}, {"reverse", std::int64_t{0}}},
                 .infer = infer_running,
                 .gradient = running_gradient});
  return all;
}

}  // namespace n2d2::ops
