// Functions of one variable and their gradients: what they mean. The formulas are computed by the rows of the same names in the backends.
#include <fmt/core.h>

#include <limits>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

/// What the gradient is computed from, beside dy.
enum class From { x, y };

struct Function {
  std::string name;
  int since_opset;  ///< 0: not in ONNX
  std::string doc, grad_doc;
  From from = From::x;
  std::map<std::string, ir::Attribute> attributes = {};
  ir::Infer infer = same_as_first;
};

Types infer_gelu(const ir::Node& node) {
  const std::string& text = node.attributes().text("approximate");
  if (text != "none" && text != "tanh") throw ValueError(fmt::format("attribute 'approximate' is '{}', expected 'none' or 'tanh'", text));
  return same_as_first(node);
}

Types infer_celu(const ir::Node& node) {
  if (node.number("alpha") == 0.0) throw ValueError("attribute 'alpha' is 0, expected another number");
  return same_as_first(node);
}

Types infer_shrink(const ir::Node& node) {
  if (!(node.number("lambd") >= 0.0)) throw ValueError(fmt::format("attribute 'lambd' is {}, expected 0 or more", node.number("lambd")));
  return same_as_first(node);
}

void add_gradient(ir::GradientContext& g, ir::Value* saved) {
  g.set(0, g.make(g.node().op().name + "Grad", {g.dy(), saved}, g.node().attributes()));
}
void gradient_from_x(ir::GradientContext& g) { add_gradient(g, g.input(0)); }
void gradient_from_y(ir::GradientContext& g) { add_gradient(g, g.output()); }

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Sources: ONNX; Misra 2019 (Mish); the gradients at a kink are those of PyTorch.
std::vector<Function> functions() {
  return {
      {"Neg", 13, "-x.", "-dy."},
      {"Abs", 13, "|x|.", "dy * sign(x)."},
      {"Sign", 13, "-1, 0 or 1; 0 for NaN.", "0."},
      {"Floor", 13, "The largest integer up to x.", "0."},
      {"Ceil", 13, "The smallest integer from x on.", "0."},
      {"Round", 11, "The nearest integer, the even one of two.", "0."},
      {"Exp", 13, "exp(x).", "dy * y.", From::y},
      {"Expm1", 0, "exp(x) - 1, all digits of a small one.", "dy * (y + 1).", From::y},
      {"Log", 13, "log(x).", "dy / x."},
      {"Log1p", 0, "log(1 + x), all digits of a small x.", "dy / (1 + x)."},
      {"Sqrt", 13, "x to the power 1/2.", "dy / (2 y).", From::y},
      {"Reciprocal", 13, "1 / x.", "-dy * y * y.", From::y},
      {"Erf", 13, "The error function.", "dy * 2 / sqrt(pi) * exp(-x * x)."},
      {"Sin", 7, "sin(x).", "dy * cos(x)."},
      {"Cos", 7, "cos(x).", "-dy * sin(x)."},
      {"Clip",
       13,
       "min(max(x, min), max); NaN stays NaN. With edge_gradient 0 no gradient flows where x is min or max.",
       "dy where x lies between min and max, else 0.",
       From::x,
       {{"min", -kInfinity}, {"max", kInfinity}, {"edge_gradient", std::int64_t{1}}}},
      {"Not", 1, "1 where x is 0, else 0.", "0."},
      {"Relu", 14, "max(x, 0); NaN stays NaN.", "dy where y > 0, else 0.", From::y},
      {"LeakyRelu", 16, "x where x >= 0, else alpha * x.", "dy where x > 0, else alpha * dy.", From::x, {{"alpha", 0.01}}},
      {"ThresholdedRelu", 10, "x where x > alpha, else 0.", "dy where x > alpha, else 0.", From::x, {{"alpha", 1.0}}},
      {"Sigmoid", 13, "1 / (1 + exp(-x)).", "dy * y * (1 - y).", From::y},
      {"Tanh", 13, "tanh(x).", "dy * (1 - y * y).", From::y},
      {"Elu", 6, "x where x > 0, else alpha * (exp(x) - 1).", "dy where x > 0, else dy * alpha * exp(x).", From::x, {{"alpha", 1.0}}},
      {"Selu",
       6,
       "gamma * Elu(x).",
       "gamma * EluGrad(dy, x).",
       From::x,
       {{"alpha", 1.67326319217681884765625}, {"gamma", 1.05070102214813232421875}}},
      {"Celu",
       12,
       "x where x > 0, else alpha * (exp(x / alpha) - 1).",
       "dy where x > 0, else dy * exp(x / alpha).",
       From::x,
       {{"alpha", 1.0}},
       infer_celu},
      {"Gelu",
       20,
       "x * F(x), F the normal distribution; approximate = tanh: F(x) = (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))) / 2.",
       "dy * (F(x) + x * F'(x)).",
       From::x,
       {{"approximate", std::string("none")}},
       infer_gelu},
      {"Swish", 24, "x / (1 + exp(-alpha * x)).", "dy * s * (1 + alpha * x * (1 - s)), s = Sigmoid(alpha * x).", From::x, {{"alpha", 1.0}}},
      {"Mish", 18, "x * tanh(Softplus(x)).", "dy * (t + x * (1 - t * t) * Sigmoid(x)), t = tanh(Softplus(x))."},
      {"Softplus", 1, "log(1 + exp(x)).", "dy * Sigmoid(x)."},
      {"Softsign", 1, "x / (1 + |x|).", "dy / (1 + |x|)^2."},
      {"HardSigmoid",
       6,
       "max(0, min(1, alpha * x + beta)).",
       "alpha * dy where 0 < alpha * x + beta < 1, else 0.",
       From::x,
       {{"alpha", 0.2}, {"beta", 0.5}}},
      {"HardSwish", 14, "x * max(0, min(1, x / 6 + 1/2)).", "dy * (x / 3 + 1/2) where |x| < 3, dy above, 0 below."},
      {"Shrink",
       9,
       "x - bias where x > lambd, x + bias where x < -lambd, else 0; NaN stays NaN.",
       "dy where |x| > lambd, else 0.",
       From::x,
       {{"lambd", 0.5}, {"bias", 0.0}},
       infer_shrink},
  };
}

}  // namespace

std::vector<OpDef> unary_functions() {
  std::vector<OpDef> all;
  for (const Function& f : functions()) {
    all.push_back({.name = f.name,
                   .domain = f.since_opset == 0 ? "n2d2" : "",
                   .since_opset = f.since_opset,
                   .doc = f.doc,
                   .inputs = {{"X"}},
                   .outputs = {"Y"},
                   .attributes = f.attributes,
                   .infer = f.infer,
                   .gradient = f.from == From::x ? gradient_from_x : gradient_from_y,
                   .is_pointwise = true});
    all.push_back({.name = f.name + "Grad",
                   .domain = "n2d2",
                   .doc = f.grad_doc,
                   .inputs = {{"dY"}, {f.from == From::x ? "X" : "Y"}},
                   .outputs = {"dX"},
                   .attributes = f.attributes,
                   .infer = same_as_both});
  }
  return all;
}

}  // namespace n2d2::ops
