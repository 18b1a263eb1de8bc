// Elementwise operators of one tensor and their gradients: vectors over contiguous rows.
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

float alpha_of(const ir::Node& node) { return node.attributes().has("alpha") ? static_cast<float>(node.number("alpha")) : 0.0F; }

template <auto kBody>
void unary(Emitter& emit) {
  const auto x = emit.in(0), y = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const float alpha = alpha_of(emit.node());
  const auto body = simd().eltwise.*kBody;
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(x.all(lane), y.all(lane), count, alpha); }, {});
  }
  emit.rows([=](const Lane& lane) { body(x.rows(lane), y.rows(lane), lane.rows * count, alpha); });
}

template <auto kBody>
void gradient(Emitter& emit) {
  const auto dy = emit.in(0), saved = emit.in(1), dx = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const float alpha = alpha_of(emit.node());
  const auto body = simd().eltwise.*kBody;
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(dy.all(lane), saved.all(lane), dx.all(lane), count, alpha); }, {});
  }
  emit.rows([=](const Lane& lane) { body(dy.rows(lane), saved.rows(lane), dx.rows(lane), lane.rows * count, alpha); });
}

void add_relu_grad(Emitter& emit) {
  const auto a = emit.in(0), b = emit.in(1), y = emit.in(2), dx = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const auto body = simd().eltwise.add_relu_grad;
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(a.all(lane), b.all(lane), y.all(lane), dx.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { body(a.rows(lane), b.rows(lane), y.rows(lane), dx.rows(lane), lane.rows * count); });
}

using Bodies = EltwiseBodies;

}  // namespace

Kernels eltwise_kernels() {
  return {{"Relu", "relu", nullptr, unary<&Bodies::relu>},
          {"ReluGrad", "relu_grad", nullptr, gradient<&Bodies::relu_grad>},
          {"AddReluGrad", "add_relu_grad", nullptr, add_relu_grad},
          {"LeakyRelu", "leaky_relu", nullptr, unary<&Bodies::leaky_relu>},
          {"LeakyReluGrad", "leaky_relu_grad", nullptr, gradient<&Bodies::leaky_relu_grad>},
          {"Sigmoid", "sigmoid", nullptr, unary<&Bodies::sigmoid>},
          {"SigmoidGrad", "sigmoid_grad", nullptr, gradient<&Bodies::sigmoid_grad>},
          {"Tanh", "tanh", nullptr, unary<&Bodies::tanh>},
          {"TanhGrad", "tanh_grad", nullptr, gradient<&Bodies::tanh_grad>}};
}

}  // namespace n2d2::cpu
