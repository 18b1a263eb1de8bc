// Elementwise operators of two tensors and Where, all with broadcasting: what they mean. Truth is a float32: 1 or 0; all but 0 is true.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  Shape shape;
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    expect_float(node, i);
    shape = broadcast(shape, node.input_shape(i));
  }
  return {{shape, DType::float32}};
}

Types infer_ties(const ir::Node& node) {
  const std::string& text = node.attributes().text("ties");
  if (text != "half" && text != "first" && text != "second") {
    throw ValueError(fmt::format("attribute 'ties' is '{}', expected 'half', 'first' or 'second'", text));
  }
  return infer(node);
}

/// The output has the shape of the first input, to which the others are broadcast.
Types infer_first(const ir::Node& node) {
  const Types types = infer(node);
  if (!(types[0].shape == node.input_shape(0))) {
    throw ShapeError(fmt::format("slope {} does not broadcast to X {}", node.input_shape(1).text(), node.input_shape(0).text()));
  }
  return types;
}

/// The gradient of input `i` is `gradient`, which has the shape of the output.
void set_summed(ir::GradientContext& g, std::size_t i, ir::Value* gradient) { g.set(i, sum_to(g, gradient, g.input(i))); }

void add_gradient(ir::GradientContext& g) {
  for (const std::size_t i : {0, 1}) {
    if (g.wants(i)) set_summed(g, i, g.dy());
  }
}

void sub_gradient(ir::GradientContext& g) {
  if (g.wants(0)) set_summed(g, 0, g.dy());
  if (g.wants(1)) set_summed(g, 1, g.make("Neg", {g.dy()}));
}

void mul_gradient(ir::GradientContext& g) {
  if (g.wants(0)) set_summed(g, 0, g.make("Mul", {g.dy(), g.input(1)}));
  if (g.wants(1)) set_summed(g, 1, g.make("Mul", {g.dy(), g.input(0)}));
}

void div_gradient(ir::GradientContext& g) {
  ir::Value* scaled = g.make("Div", {g.dy(), g.input(1)});
  if (g.wants(0)) set_summed(g, 0, scaled);
  if (!g.wants(1)) return;
  ir::Value* product = g.make("Mul", {scaled, g.output()});  // dy / b * (a / b)
  set_summed(g, 1, g.make("Neg", {product}));
}

void pow_gradient(ir::GradientContext& g) {
  if (g.wants(0)) set_summed(g, 0, g.make("PowGradX", {g.dy(), g.input(0), g.input(1)}));
  if (g.wants(1)) set_summed(g, 1, g.make("PowGradY", {g.dy(), g.input(0), g.input(1)}));
}

/// The gradient of Max(a, b) in a, where equals are shared as `ties` says.
ir::Value* larger(ir::GradientContext& g, ir::Value* a, ir::Value* b, const std::string& ties) {
  return g.make("MaxGrad", {g.dy(), a, b}, {{"ties", ties}});
}

std::string ties_of_second(const std::string& ties) { return ties == "first" ? "second" : ties == "second" ? "first" : ties; }

void max_gradient(ir::GradientContext& g) {
  const std::string& ties = g.node().attributes().text("ties");
  if (g.wants(0)) set_summed(g, 0, larger(g, g.input(0), g.input(1), ties));
  if (g.wants(1)) set_summed(g, 1, larger(g, g.input(1), g.input(0), ties_of_second(ties)));
}

/// The smaller of the two gets the gradient: where the other is larger.
void min_gradient(ir::GradientContext& g) {
  const std::string& ties = g.node().attributes().text("ties");
  if (g.wants(0)) set_summed(g, 0, larger(g, g.input(1), g.input(0), ties));
  if (g.wants(1)) set_summed(g, 1, larger(g, g.input(0), g.input(1), ties_of_second(ties)));
}

void prelu_gradient(ir::GradientContext& g) {
  if (g.wants(0)) g.set(0, g.make("PReluGrad", {g.dy(), g.input(0), g.input(1)}));
  if (g.wants(1)) set_summed(g, 1, g.make("PReluGradSlope", {g.dy(), g.input(0)}));
}

void where_gradient(ir::GradientContext& g) {
  ir::Value* zero = g.scalar(0.0F);
  if (g.wants(1)) set_summed(g, 1, g.make("Where", {g.input(0), g.dy(), zero}));
  if (g.wants(2)) set_summed(g, 2, g.make("Where", {g.input(0), zero, g.dy()}));
}

struct Function {
  std::string name;
  int since_opset;  ///< 0: not in ONNX
  std::string doc;
  ir::Gradient gradient = nullptr;
  ir::Infer infer = ops::infer;
  std::map<std::string, ir::Attribute> attributes = {};
  std::vector<std::string> inputs = {"A", "B"};
};

const std::map<std::string, ir::Attribute> kTies = {{"ties", std::string("half")}};

std::vector<Function> functions() {
  return {
      {"Add", 14, "a + b.", add_gradient},
      {"Sub", 14, "a - b.", sub_gradient},
      {"Mul", 14, "a * b.", mul_gradient},
      {"Div", 14, "a / b.", div_gradient},
      {"Pow", 15, "x to the power y.", pow_gradient, infer, {}, {"X", "Y"}},
      {"PowGradX", 0, "dy * y * x^(y - 1), 0 where y is 0.", nullptr, infer, {}, {"dY", "X", "Y"}},
      {"PowGradY", 0, "dy * x^y * log(x), 0 where x is 0 and y is not negative.", nullptr, infer, {}, {"dY", "X", "Y"}},
      {"Max", 13, "The larger of a and b, NaN if one is. Of equals the gradient goes to the `ties`: half to each, or all to one.",
       max_gradient, infer_ties, kTies},
      {"Min", 13, "The smaller of a and b, NaN if one is. Of equals the gradient goes to the `ties`: half to each, or all to one.",
       min_gradient, infer_ties, kTies},
      {"MaxGrad",
       0,
       "dy where a > b; where they are equal half of it, or for ties = first all, for ties = second nothing.",
       nullptr,
       infer_ties,
       kTies,
       {"dY", "A", "B"}},
      {"Equal", 19, "1 where a = b, else 0."},
      {"Less", 13, "1 where a < b, else 0."},
      {"LessOrEqual", 16, "1 where a <= b, else 0."},
      {"Greater", 13, "1 where a > b, else 0."},
      {"GreaterOrEqual", 16, "1 where a >= b, else 0."},
      {"And", 7, "1 where neither a nor b is 0, else 0."},
      {"Or", 7, "1 where a or b is not 0, else 0."},
      {"PRelu", 16, "x where x > 0, else slope * x.", prelu_gradient, infer_first, {}, {"X", "slope"}},
      {"PReluGrad", 0, "dy where x > 0, else slope * dy.", nullptr, infer_first, {}, {"dY", "X", "slope"}},
      {"PReluGradSlope", 0, "0 where x > 0, else dy * x.", nullptr, infer_first, {}, {"dY", "X"}},
      {"Where", 16, "x where the condition is not 0, else y.", where_gradient, infer, {}, {"condition", "X", "Y"}},
  };
}

}  // namespace

std::vector<OpDef> broadcast_functions() {
  std::vector<OpDef> all;
  for (const Function& f : functions()) {
    OpDef def = {.name = f.name,
                 .domain = f.since_opset == 0 ? "n2d2" : "",
                 .since_opset = f.since_opset,
                 .doc = f.doc,
                 .outputs = {"C"},
                 .attributes = f.attributes,
                 .infer = f.infer,
                 .gradient = f.gradient};
    for (const std::string& input : f.inputs) def.inputs.push_back({input});
    all.push_back(std::move(def));
  }
  return all;
}

}  // namespace n2d2::ops
