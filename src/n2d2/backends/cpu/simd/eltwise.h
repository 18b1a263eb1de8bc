// Bodies of elementwise operators.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// `runs` times c[i] = a[i * a_step] op b[i * b_step] for i < n, the runs so far apart.
struct BinaryTask {
  const float *a = nullptr, *b = nullptr;
  float* c = nullptr;
  std::int64_t n = 0;
  std::int64_t a_step = 1, b_step = 1;  ///< vectors for 0 and 1
  std::int64_t runs = 1, a_run = 0, b_run = 0, c_run = 0;
};

struct EltwiseBodies {
  using Unary = void (*)(const float* x, float* y, std::int64_t n, float alpha);
  /// `saved` is x or y, whatever the gradient needs.
  using Gradient = void (*)(const float* dy, const float* saved, float* dx, std::int64_t n, float alpha);
  using Binary = void (*)(const BinaryTask& task);

  Unary relu = nullptr, leaky_relu = nullptr, sigmoid = nullptr, tanh = nullptr;
  Gradient relu_grad = nullptr, leaky_relu_grad = nullptr, sigmoid_grad = nullptr, tanh_grad = nullptr;
  Binary add = nullptr, subtract = nullptr, multiply = nullptr, divide = nullptr;
  Binary add_relu = nullptr;  ///< max(a + b, 0)
  /// dx = y > 0 ? a + b : 0.
  void (*add_relu_grad)(const float* a, const float* b, const float* y, float* dx, std::int64_t n) = nullptr;
};

}  // namespace n2d2::cpu
