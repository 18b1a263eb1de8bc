// The recurrent halves of LSTM, GRU and RNN, in one direction: what they mean. The input's half, X W' + b for all time steps at once, is
// a product before them.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

struct Extents {
  Dim rows;
  std::int64_t steps, units;
};

/// Checks X [N, T, gates * units], R [gates * units, units] and the initial states [N, units] at the inputs given.
Extents extents(const ir::Node& node, std::int64_t gates, std::initializer_list<std::size_t> states) {
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    if (node.input(i) != nullptr) expect_float(node, i);
  }
  expect_rank(node, 0, 3);
  expect_rank(node, 1, 2);
  const Shape& x = node.input_shape(0);
  const Shape& r = node.input_shape(1);
  if (x.batch_axis() != 0 || r.is_batched()) {
    throw UnsupportedError(fmt::format("needs the batch on axis 0 of X {} and not in R {}", x.text(), r.text()));
  }
  const Extents e{x[0], x[1].size, r[1].size};
  if (r[0].size != gates * e.units || x[2].size != gates * e.units || e.steps < 1) {
    throw ShapeError(fmt::format("X {} and R {} need extents [N, T, {} units] and [{} units, units]", x.text(), r.text(), gates, gates));
  }
  const Shape state = {e.rows, e.units};
  for (const std::size_t i : states) {
    if (node.input(i) != nullptr && !(node.input_shape(i) == state)) {
      throw ShapeError(
          fmt::format("input {} has shape {}, expected {}", node.op().inputs[i].name, node.input_shape(i).text(), state.text()));
    }
  }
  return e;
}

const std::string& one_of(const ir::Node& node, const char* name, const char* first, const char* second) {
  const std::string& text = node.attributes().text(name);
  if (text != first && text != second)
    throw ValueError(fmt::format("attribute '{}' is '{}', expected '{}' or '{}'", name, text, first, second));
  return text;
}

bool is_reverse(const ir::Node& node) { return one_of(node, "direction", "forward", "reverse") == "reverse"; }

TensorType floats(Dim rows, std::int64_t steps, std::int64_t width) { return {{rows, Dim(steps), Dim(width)}, DType::float32}; }

Types infer_lstm(const ir::Node& node) {
  const Extents e = extents(node, 4, {2, 3});
  is_reverse(node);
  one_of(node, "gates", "ifco", "iofc");
  const TensorType y = floats(e.rows, e.steps, e.units);
  return {y, {{e.rows, e.units}, DType::float32}, floats(e.rows, e.steps, 4 * e.units), y};
}

Types infer_gru(const ir::Node& node) {
  const Extents e = extents(node, 3, {3});
  is_reverse(node);
  one_of(node, "gates", "zrh", "rzh");
  if (node.input(2) != nullptr && !(node.input_shape(2) == Shape{3 * e.units})) {
    throw ShapeError(fmt::format("input B has shape {}, expected [{}]", node.input_shape(2).text(), 3 * e.units));
  }
  const TensorType y = floats(e.rows, e.steps, e.units);
  return {y, floats(e.rows, e.steps, 3 * e.units), y};
}

Types infer_rnn(const ir::Node& node) {
  const Extents e = extents(node, 1, {2});
  is_reverse(node);
  one_of(node, "activation", "Tanh", "Relu");
  return {floats(e.rows, e.steps, e.units)};
}

/// Time steps [start, end) of [N, T, width] as one matrix.
ir::Value* steps_of(ir::GradientContext& g, ir::Value* value, std::int64_t start, std::int64_t end) {
  const auto list = [](std::int64_t number) { return std::vector<std::int64_t>{number}; };
  const std::int64_t steps = value->shape()[1].size, width = value->shape()[2].size;
  if (start != 0 || end != steps) {
    value = g.make("Slice", {value}, {{"starts", list(start)}, {"ends", list(end)}, {"axes", list(1)}});
  }
  return g.make("Reshape", {value}, {{"shape", std::vector<std::int64_t>{-1, width}}});
}

/// R's gradient: sum over rows and steps of the sums' gradients times the state before the step.
ir::Value* recurrent_gradient(ir::GradientContext& g, ir::Value* dsums, ir::Value* initial) {
  ir::Value* y = g.output(0);
  const std::int64_t steps = y->shape()[1].size;
  const bool reverse = is_reverse(g.node());
  const auto product = [&](ir::Value* a, ir::Value* b) { return g.make("Gemm", {a, b}, {{"transA", std::int64_t{1}}}); };
  ir::Value* sum = nullptr;
  if (steps > 1) {
    sum = reverse ? product(steps_of(g, dsums, 0, steps - 1), steps_of(g, y, 1, steps))
                  : product(steps_of(g, dsums, 1, steps), steps_of(g, y, 0, steps - 1));
  }
  if (initial != nullptr) {
    ir::Value* first = product(reverse ? steps_of(g, dsums, steps - 1, steps) : steps_of(g, dsums, 0, 1), initial);
    sum = sum == nullptr ? first : g.make("Add", {sum, first});
  }
  if (sum == nullptr) sum = g.make("Expand", {g.scalar(0.0F)}, {{"shape", extents_of(g.input(1)->shape())}});
  return sum;
}

/// The gradient of Y, zeros when only another output is used.
ir::Value* dy_of(ir::GradientContext& g) {
  if (g.dy(0) != nullptr) return g.dy(0);
  return g.make("Expand", {g.scalar(0.0F)}, {{"shape", extents_of(g.output(0)->shape())}});
}

void lstm_gradient(ir::GradientContext& g) {
  const ir::Node& grad =
      g.make_node("LSTMRecurrenceGrad", {dy_of(g), g.input(1), g.output(2), g.output(3), g.input(3), g.dy(1)}, g.node().attributes());
  g.set(0, grad.output(0));
  if (g.wants(1)) g.set(1, recurrent_gradient(g, grad.output(0), g.input(2)));
  if (g.wants(2)) g.set(2, grad.output(1));
  if (g.wants(3)) g.set(3, grad.output(2));
}

void gru_gradient(ir::GradientContext& g) {
  const ir::Node& grad =
      g.make_node("GRURecurrenceGrad", {dy_of(g), g.input(1), g.output(0), g.output(1), g.output(2), g.input(3)}, g.node().attributes());
  g.set(0, grad.output(0));
  if (g.wants(1)) g.set(1, recurrent_gradient(g, grad.output(1), g.input(3)));
  if (g.wants(2)) {
    g.set(2, g.make("ReduceSum", {grad.output(1)}, {{"axes", std::vector<std::int64_t>{0, 1}}, {"keepdims", std::int64_t{0}}}));
  }
  if (g.wants(3)) g.set(3, grad.output(2));
}

void rnn_gradient(ir::GradientContext& g) {
  const ir::Node& grad = g.make_node("RNNRecurrenceGrad", {dy_of(g), g.input(1), g.output(0)}, g.node().attributes());
  g.set(0, grad.output(0));
  if (g.wants(1)) g.set(1, recurrent_gradient(g, grad.output(0), g.input(2)));
  if (g.wants(2)) g.set(2, grad.output(1));
}

/// Gradients of X and of the states, which have the shapes of a step of Y.
Types infer_grad(const ir::Node& node) {
  const Shape& dy = node.input_shape(0);
  const TensorType x = floats(dy[0], dy[1].size, node.input_shape(1)[0].size);
  const TensorType state = {{dy[0], dy[2]}, DType::float32};
  if (node.op().name == "LSTMRecurrenceGrad") return {x, state, state};
  if (node.op().name == "GRURecurrenceGrad") return {x, x, state};
  return {x, state};
}

using AttributeMap = std::map<std::string, ir::Attribute>;
const AttributeMap kLstm = {{"direction", std::string("forward")}, {"gates", std::string("iofc")}};
const AttributeMap kGru = {{"direction", std::string("forward")}, {"gates", std::string("zrh")}};
const AttributeMap kRnn = {{"direction", std::string("forward")}, {"activation", std::string("Tanh")}};
constexpr auto kOptional = ir::Presence::optional;

}  // namespace

/// Source: ONNX LSTM-14 with its default activations, batch first.
std::vector<OpDef> lstm() {
  return {
      {.name = "LSTMRecurrence",
       .domain = "n2d2",
       .doc = "Gates of step t: X[:, t] + h R', in the order `gates`; c = f c + i tanh(.), h = o tanh(c). Y holds all h, Y_c the last c.",
       .inputs = {{"X"}, {"R"}, {"initial_h", kOptional}, {"initial_c", kOptional}},
       .outputs = {"Y", "Y_c", "gate_values", "cells"},
       .attributes = kLstm,
       .infer = infer_lstm,
       .gradient = lstm_gradient},
      {.name = "LSTMRecurrenceGrad",
       .domain = "n2d2",
       .doc = "Gradients of X and of the initial states.",
       .inputs = {{"dY"}, {"R"}, {"gate_values"}, {"cells"}, {"initial_c", kOptional}, {"dY_c", kOptional}},
       .outputs = {"dX", "dinitial_h", "dinitial_c"},
       .attributes = kLstm,
       .infer = infer_grad,
       .gradient = nullptr}};
}

/// Source: ONNX GRU-14 with linear_before_reset = 1 and its default activations, batch first.
std::vector<OpDef> gru() {
  return {{.name = "GRURecurrence",
           .domain = "n2d2",
           .doc = "With q = h R' + B: z, r = sigmoid(X[:, t] + q), n = tanh(X[:, t] + r q), h = (1 - z) n + z h. Y holds all h.",
           .inputs = {{"X"}, {"R"}, {"B", kOptional}, {"initial_h", kOptional}},
           .outputs = {"Y", "gate_values", "hidden"},
           .attributes = kGru,
           .infer = infer_gru,
           .gradient = gru_gradient},
          {.name = "GRURecurrenceGrad",
           .domain = "n2d2",
           .doc = "Gradients of X, of q at every step, and of the initial state.",
           .inputs = {{"dY"}, {"R"}, {"Y"}, {"gate_values"}, {"hidden"}, {"initial_h", kOptional}},
           .outputs = {"dX", "dq", "dinitial_h"},
           .attributes = kGru,
           .infer = infer_grad,
           .gradient = nullptr}};
}

/// Source: ONNX RNN-14, batch first.
std::vector<OpDef> rnn() {
  return {{.name = "RNNRecurrence",
           .domain = "n2d2",
           .doc = "h = activation(X[:, t] + h R'); Tanh or Relu. Y holds all h.",
           .inputs = {{"X"}, {"R"}, {"initial_h", kOptional}},
           .outputs = {"Y"},
           .attributes = kRnn,
           .infer = infer_rnn,
           .gradient = rnn_gradient},
          {.name = "RNNRecurrenceGrad",
           .domain = "n2d2",
           .doc = "Gradients of X and of the initial state.",
           .inputs = {{"dY"}, {"R"}, {"Y"}},
           .outputs = {"dX", "dinitial_h"},
           .attributes = kRnn,
           .infer = infer_grad,
           .gradient = nullptr}};
}

}  // namespace n2d2::ops
