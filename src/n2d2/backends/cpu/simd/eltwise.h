// Bodies of elementwise operators of two tensors.
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
  using Binary = void (*)(const BinaryTask& task);

  Binary add = nullptr, subtract = nullptr, multiply = nullptr, divide = nullptr;
  Binary add_relu = nullptr;  ///< max(a + b, 0)
  /// dx = y > 0 ? a + b : 0.
  void (*add_relu_grad)(const float* a, const float* b, const float* y, float* dx, std::int64_t n) = nullptr;
};

}  // namespace n2d2::cpu
