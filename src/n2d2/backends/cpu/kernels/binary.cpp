// Elementwise operators of two and three tensors with broadcasting. The rows of simd/eltwise.cpp are the kernels.
#include <array>

#include "n2d2/backends/cpu/kernels/bodies.h"
#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

template <int kInputs>
using Pointers = std::array<const float*, kInputs>;

void run(void (*body)(const BinaryTask&), const StridedLoop<3>& loop, float* y, const Pointers<2>& x, std::int64_t rows) {
  const auto& inner = loop.inner_steps();  // 1 in the output, whose order the loop follows
  loop.run_series(rows, [&](const auto& offsets, std::int64_t runs, const auto& steps) {
    body({.a = x[0] + offsets[1],
          .b = x[1] + offsets[2],
          .c = y + offsets[0],
          .n = loop.inner(),
          .a_step = inner[1],
          .b_step = inner[2],
          .runs = runs,
          .a_run = steps[1],
          .b_run = steps[2],
          .c_run = steps[0]});
  });
}

void run(void (*body)(const TernaryTask&), const StridedLoop<4>& loop, float* y, const Pointers<3>& x, std::int64_t rows) {
  const auto& inner = loop.inner_steps();
  loop.run_series(rows, [&](const auto& offsets, std::int64_t runs, const auto& steps) {
    body({.inputs = {x[0] + offsets[1], x[1] + offsets[2], x[2] + offsets[3]},
          .y = y + offsets[0],
          .n = loop.inner(),
          .steps = {inner[1], inner[2], inner[3]},
          .runs = runs,
          .input_runs = {steps[1], steps[2], steps[3]},
          .y_run = steps[0]});
  });
}

/// y = body of the inputs, for the rows of a lane or for all of a value that is not batched.
template <int kInputs, class Task>
void broadcast_loop(Emitter& emit, void (*body)(const Task&)) {
  const ir::Node& node = emit.node();
  const ir::Value& out = *node.output();
  const auto order = ir::order_of(out);
  typename StridedLoop<kInputs + 1>::Strides strides;
  strides[0] = ir::strides_of(out.shape(), order);
  std::array<plan::Operand, kInputs> inputs;
  std::array<bool, kInputs> batched{};
  for (std::size_t i = 0; i < kInputs; ++i) {
    strides[i + 1] = broadcast_strides(*node.input(i), out.shape());
    inputs[i] = emit.in(i);
    batched[i] = node.input(i)->is_batched();
  }
  const StridedLoop<kInputs + 1> loop(out.shape(), order, strides);
  const auto y = emit.out();
  const auto pointers = [=](const Lane& lane) {
    Pointers<kInputs> x;
    for (std::size_t i = 0; i < kInputs; ++i) x[i] = batched[i] ? inputs[i].rows(lane) : inputs[i].all(lane);
    return x;
  };
  if (!out.is_batched()) return emit.single([=](const Lane& lane) { run(body, loop, y.all(lane), pointers(lane), 1); }, {});
  emit.rows([=](const Lane& lane) { run(body, loop, y.rows(lane), pointers(lane), lane.rows); });
}

void binary(Emitter& emit) { broadcast_loop<2>(emit, body_of(simd().binary, emit.node().op().name).run); }
void ternary(Emitter& emit) { broadcast_loop<3>(emit, body_of(simd().ternary, emit.node().op().name, variant_of(emit.node())).run); }

}  // namespace

Kernels binary_kernels() {
  Kernels kernels;
  for (const BinaryBody& body : simd().binary) kernels.push_back({body.op, "binary", nullptr, binary});
  std::string last;
  for (const TernaryBody& body : simd().ternary) {
    if (body.op != last) kernels.push_back({body.op, "ternary", nullptr, ternary});
    last = body.op;
  }
  return kernels;
}

}  // namespace n2d2::cpu
