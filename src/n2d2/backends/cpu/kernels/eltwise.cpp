// Elementwise operators of one tensor and their gradients: one loop over contiguous rows each.
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

template <class Body>
void unary(Emitter& emit, const Body& body) {
  const auto x = emit.in(0);
  const auto y = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(x.all(lane), y.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { body(x.rows(lane), y.rows(lane), lane.rows * count); });
}

template <class Body>
void gradient(Emitter& emit, const Body& body) {
  const auto dy = emit.in(0);
  const auto saved = emit.in(1);
  const auto dx = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(dy.all(lane), saved.all(lane), dx.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { body(dy.rows(lane), saved.rows(lane), dx.rows(lane), lane.rows * count); });
}

void relu(Emitter& emit) {
  unary(emit, [](const float* x, float* y, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] <= 0.0F ? 0.0F : x[i];  // NaN passes
  });
}

void relu_grad(Emitter& emit) {
  gradient(emit, [](const float* dy, const float* y, float* dx, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) dx[i] = y[i] <= 0.0F ? 0.0F : dy[i];
  });
}

void leaky_relu(Emitter& emit) {
  unary(emit, [alpha = static_cast<float>(emit.node().number("alpha"))](const float* x, float* y, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > 0.0F ? x[i] : alpha * x[i];
  });
}

void leaky_relu_grad(Emitter& emit) {
  gradient(emit, [alpha = static_cast<float>(emit.node().number("alpha"))](const float* dy, const float* x, float* dx, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] > 0.0F ? dy[i] : alpha * dy[i];
  });
}

void sigmoid(Emitter& emit) {
  unary(emit, [](const float* x, float* y, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = 1.0F / (1.0F + std::exp(-x[i]));
  });
}

void sigmoid_grad(Emitter& emit) {
  gradient(emit, [](const float* dy, const float* y, float* dx, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * y[i] * (1.0F - y[i]);
  });
}

void tanh(Emitter& emit) {
  unary(emit, [](const float* x, float* y, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) y[i] = std::tanh(x[i]);
  });
}

void tanh_grad(Emitter& emit) {
  gradient(emit, [](const float* dy, const float* y, float* dx, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) dx[i] = dy[i] * (1.0F - y[i] * y[i]);
  });
}

}  // namespace

Kernels eltwise_kernels() {
  return {{"Relu", "relu", nullptr, relu},
          {"ReluGrad", "relu_grad", nullptr, relu_grad},
          {"LeakyRelu", "leaky_relu", nullptr, leaky_relu},
          {"LeakyReluGrad", "leaky_relu_grad", nullptr, leaky_relu_grad},
          {"Sigmoid", "sigmoid", nullptr, sigmoid},
          {"SigmoidGrad", "sigmoid_grad", nullptr, sigmoid_grad},
          {"Tanh", "tanh", nullptr, tanh},
          {"TanhGrad", "tanh_grad", nullptr, tanh_grad}};
}

}  // namespace n2d2::cpu
