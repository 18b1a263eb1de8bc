// LSTM, GRU and RNN behind the product with the input: step by step through time, every lane with rows of its own.
#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// All rows of a lane at once, not chunk by chunk: the fewer rows a product has, the more often it reads the weights.
void by_lanes(Emitter& emit, plan::Run run) { emit.rows(std::move(run), {plan::writes(emit.out(), Access::rows)}); }

/// Y, whose rows hold `steps` times `units` floats, and the sums, which hold `steps` times `width`.
struct Sequence {
  std::int64_t steps = 0, units = 0, width = 0;
  bool reverse = false;

  explicit Sequence(const ir::Node& node)
      : steps(node.input_shape(0)[1].size),
        units(node.input_shape(1)[1].size),
        width(node.input_shape(1)[0].size),
        reverse(node.attributes().text("direction") == "reverse") {}

  /// The rows of the step that comes at place `step`, of floats that are `wide` in every step.
  FloatRows at(float* floats, std::int64_t wide, std::int64_t step) const {
    return {floats + (reverse ? steps - 1 - step : step) * wide, steps * wide};
  }
};

ConstRows constant(const FloatRows& rows) { return {rows.data, rows.row}; }

/// The lane's rows of a state, or null for one that is absent.
ConstRows state_of(const Operand& operand, std::int64_t units, const Lane& lane) { return {operand ? operand.rows(lane) : nullptr, units}; }

/// A part of the recurrent weights as the right side of a product: [k, n].
struct Panels {
  Operand packed;
  std::int64_t k = 0, n = 0;

  /// y = start + a times the weights. Null a and start are zero.
  void multiply(std::int64_t rows, const ConstRows& a, const ConstRows& start, const FloatRows& y, const Lane& lane) const {
    if (a.data == nullptr) {
      for (std::int64_t i = 0; i < rows; ++i) {
        start.data == nullptr ? std::fill_n(y.data + i * y.row, n, 0.0F) : std::copy_n(start.data + i * start.row, n, y.data + i * y.row);
      }
      return;
    }
    simd().gemm.run({.m = rows,
                     .n = n,
                     .k = k,
                     .a = a.data,
                     .a_m = a.row,
                     .a_k = 1,
                     .panels = packed.all(lane),
                     .y = y.data,
                     .y_m = y.row,
                     .c = start.data,
                     .c_m = start.row,
                     .c_n = 1});
  }
};

/// Packs R[first, first + count) of R [width, units], transposed for the way forward.
Panels pack(Emitter& emit, std::int64_t first, std::int64_t count, bool transposed) {
  const ir::Value& r = *emit.node().input(1);
  const auto strides = ir::strides_of(r.shape(), ir::order_of(r));
  const std::int64_t units = r.shape()[1].size, k = transposed ? units : count, n = transposed ? count : units;
  const std::int64_t down = strides[transposed ? 1 : 0], across = strides[transposed ? 0 : 1];
  const Panels panels{emit.packed(simd().gemm.packed_floats(k, n) * 4), k, n};
  const Operand weights = emit.in(1);
  emit.pack(weights, panels.packed, [=, start = first * strides[0]](const Lane& lane) {
    simd().gemm.pack(weights.all(lane) + start, down, across, k, n, panels.packed.all(lane));
  });
  return panels;
}

/// Where the gates stand in a row, by the order of their letters.
std::int64_t place_of(const ir::Node& node, char gate, std::int64_t units) {
  return static_cast<std::int64_t>(node.attributes().text("gates").find(gate)) * units;
}

LstmStep lstm_step(const ir::Node& node, std::int64_t units) {
  LstmStep step;
  step.units = units;
  step.i = place_of(node, 'i', units);
  step.f = place_of(node, 'f', units);
  step.g = place_of(node, 'c', units);
  step.o = place_of(node, 'o', units);
  return step;
}

void lstm(Emitter& emit) {
  const Sequence seq(emit.node());
  const Panels weights = pack(emit, 0, seq.width, true);
  const auto x = emit.in(0), h0 = emit.in(2), c0 = emit.in(3);
  const auto y = emit.out(0), last = emit.out(1), gates = emit.out(2), cells = emit.out(3);
  by_lanes(emit, [=, places = lstm_step(emit.node(), seq.units)](const Lane& lane) {
    LstmStep step = places;
    step.rows = lane.rows;
    ConstRows h = state_of(h0, seq.units, lane);
    step.cells_before = state_of(c0, seq.units, lane);
    for (std::int64_t s = 0; s < seq.steps; ++s) {
      step.gates = seq.at(gates.rows(lane), seq.width, s);
      step.cells = seq.at(cells.rows(lane), seq.units, s);
      step.y = seq.at(y.rows(lane), seq.units, s);
      weights.multiply(lane.rows, h, constant(seq.at(x.rows(lane), seq.width, s)), step.gates, lane);
      simd().recurrent.lstm(step);
      h = constant(step.y);
      step.cells_before = constant(step.cells);
    }
    for (std::int64_t i = 0; i < lane.rows; ++i) {
      std::copy_n(step.cells.data + i * step.cells.row, seq.units, last.rows(lane) + i * seq.units);
    }
  });
}

/// The gradients of the states run backwards through time in the memory of their outputs.
void lstm_grad(Emitter& emit) {
  const Sequence seq(emit.node());
  const Panels weights = pack(emit, 0, seq.width, false);
  const auto dy = emit.in(0), gates = emit.in(2), cells = emit.in(3), c0 = emit.in(4), dlast = emit.in(5);
  const auto dx = emit.out(0), dh0 = emit.out(1), dc0 = emit.out(2);
  by_lanes(emit, [=, places = lstm_step(emit.node(), seq.units)](const Lane& lane) {
    LstmStep step = places;
    step.rows = lane.rows;
    step.dcells = {dc0.rows(lane), seq.units};
    if (dlast) {
      std::copy_n(dlast.rows(lane), lane.rows * seq.units, step.dcells.data);
    } else {
      std::fill_n(step.dcells.data, lane.rows * seq.units, 0.0F);
    }
    const FloatRows dh = {dh0.rows(lane), seq.units};
    for (std::int64_t s = seq.steps - 1; s >= 0; --s) {
      const auto dy_at = [&](std::int64_t place) { return constant(seq.at(dy.rows(lane), seq.units, place)); };
      step.dy = s == seq.steps - 1 ? dy_at(s) : constant(dh);
      step.gates = seq.at(gates.rows(lane), seq.width, s);
      step.cells = seq.at(cells.rows(lane), seq.units, s);
      step.cells_before = s > 0 ? constant(seq.at(cells.rows(lane), seq.units, s - 1)) : state_of(c0, seq.units, lane);
      step.dgates = seq.at(dx.rows(lane), seq.width, s);
      simd().recurrent.lstm_grad(step);
      weights.multiply(lane.rows, constant(step.dgates), s > 0 ? dy_at(s - 1) : ConstRows(), dh, lane);
    }
  });
}

GruStep gru_step(const ir::Node& node, std::int64_t units) {
  GruStep step;
  step.units = units;
  step.z = place_of(node, 'z', units);
  step.r = place_of(node, 'r', units);
  step.n = place_of(node, 'h', units);
  return step;
}

void gru(Emitter& emit) {
  const Sequence seq(emit.node());
  const std::int64_t both = 2 * seq.units;  // z and r stand before n
  const Panels for_gates = pack(emit, 0, both, true), for_hidden = pack(emit, both, seq.units, true);
  const auto x = emit.in(0), bias = emit.in(2), h0 = emit.in(3);
  const auto y = emit.out(0), gates = emit.out(1), hidden = emit.out(2);
  by_lanes(emit, [=, places = gru_step(emit.node(), seq.units)](const Lane& lane) {
    GruStep step = places;
    step.rows = lane.rows;
    step.bias = bias ? bias.all(lane) : nullptr;
    step.y_before = state_of(h0, seq.units, lane);
    const ConstRows hidden_bias{bias ? step.bias + both : nullptr, 0};
    for (std::int64_t s = 0; s < seq.steps; ++s) {
      step.gates = seq.at(gates.rows(lane), seq.width, s);
      step.x = constant(seq.at(x.rows(lane), seq.width, s));
      step.y = seq.at(y.rows(lane), seq.units, s);
      const FloatRows sums = seq.at(hidden.rows(lane), seq.units, s);
      for_gates.multiply(lane.rows, step.y_before, step.x, step.gates, lane);
      for_hidden.multiply(lane.rows, step.y_before, hidden_bias, sums, lane);
      step.hidden = constant(sums);
      simd().recurrent.gru(step);
      step.y_before = constant(step.y);
    }
  });
}

void gru_grad(Emitter& emit) {
  const Sequence seq(emit.node());
  const Panels weights = pack(emit, 0, seq.width, false);
  const auto dy = emit.in(0), y = emit.in(2), gates = emit.in(3), hidden = emit.in(4), h0 = emit.in(5);
  const auto dx = emit.out(0), dq = emit.out(1), dh0 = emit.out(2);
  by_lanes(emit, [=, places = gru_step(emit.node(), seq.units)](const Lane& lane) {
    GruStep step = places;
    step.rows = lane.rows;
    step.carry = {dh0.rows(lane), seq.units};
    for (std::int64_t s = seq.steps - 1; s >= 0; --s) {
      const auto dy_at = [&](std::int64_t place) { return constant(seq.at(dy.rows(lane), seq.units, place)); };
      step.dy = s == seq.steps - 1 ? dy_at(s) : constant(step.carry);
      step.dy_before = s > 0 ? dy_at(s - 1) : ConstRows();
      step.gates = seq.at(gates.rows(lane), seq.width, s);
      step.hidden = constant(seq.at(hidden.rows(lane), seq.units, s));
      step.y_before = s > 0 ? constant(seq.at(y.rows(lane), seq.units, s - 1)) : state_of(h0, seq.units, lane);
      step.dx = seq.at(dx.rows(lane), seq.width, s);
      step.dhidden = seq.at(dq.rows(lane), seq.width, s);
      simd().recurrent.gru_grad(step);
      weights.multiply(lane.rows, constant(step.dhidden), constant(step.carry), step.carry, lane);
    }
  });
}

bool is_relu(const ir::Node& node) { return node.attributes().text("activation") == "Relu"; }

void rnn(Emitter& emit) {
  const Sequence seq(emit.node());
  const Panels weights = pack(emit, 0, seq.width, true);
  const auto x = emit.in(0), h0 = emit.in(2), y = emit.out();
  by_lanes(emit, [=, relu = is_relu(emit.node())](const Lane& lane) {
    RnnStep step{.rows = lane.rows, .units = seq.units, .relu = relu, .y = {}, .dy = {}, .dsums = {}};
    ConstRows h = state_of(h0, seq.units, lane);
    for (std::int64_t s = 0; s < seq.steps; ++s) {
      step.y = seq.at(y.rows(lane), seq.units, s);
      weights.multiply(lane.rows, h, constant(seq.at(x.rows(lane), seq.width, s)), step.y, lane);
      simd().recurrent.rnn(step);
      h = constant(step.y);
    }
  });
}

void rnn_grad(Emitter& emit) {
  const Sequence seq(emit.node());
  const Panels weights = pack(emit, 0, seq.width, false);
  const auto dy = emit.in(0), y = emit.in(2), dx = emit.out(0), dh0 = emit.out(1);
  by_lanes(emit, [=, relu = is_relu(emit.node())](const Lane& lane) {
    RnnStep step{.rows = lane.rows, .units = seq.units, .relu = relu, .y = {}, .dy = {}, .dsums = {}};
    const FloatRows dh = {dh0.rows(lane), seq.units};
    for (std::int64_t s = seq.steps - 1; s >= 0; --s) {
      const auto dy_at = [&](std::int64_t place) { return constant(seq.at(dy.rows(lane), seq.units, place)); };
      step.dy = s == seq.steps - 1 ? dy_at(s) : constant(dh);
      step.y = seq.at(y.rows(lane), seq.units, s);
      step.dsums = seq.at(dx.rows(lane), seq.width, s);
      simd().recurrent.rnn_grad(step);
      weights.multiply(lane.rows, constant(step.dsums), s > 0 ? dy_at(s - 1) : ConstRows(), dh, lane);
    }
  });
}

}  // namespace

Kernels recurrent_kernels() {
  return {{"LSTMRecurrence", "lstm", nullptr, lstm}, {"LSTMRecurrenceGrad", "lstm_grad", nullptr, lstm_grad},
          {"GRURecurrence", "gru", nullptr, gru},    {"GRURecurrenceGrad", "gru_grad", nullptr, gru_grad},
          {"RNNRecurrence", "rnn", nullptr, rnn},    {"RNNRecurrenceGrad", "rnn_grad", nullptr, rnn_grad}};
}

}  // namespace n2d2::cpu
