// Bodies of softmax, of losses, and of sums in double.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// Scores [rows, classes], and labels: a class per row, or if null, targets [rows, classes].
struct CrossEntropyTask {
  const float* scores = nullptr;
  const std::int64_t* classes_of = nullptr;
  const float* targets = nullptr;
  std::int64_t rows = 0, classes = 0;
  double scale = 1.0;  ///< of the gradient
  float* dx = nullptr;
};

struct SoftmaxBodies {
  using Forward = void (*)(const float* x, float* y, std::int64_t rows, std::int64_t n);
  using Backward = void (*)(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t n);
  // Of [rows, n], along n.
  Forward softmax = nullptr, log_softmax = nullptr;
  Backward softmax_grad = nullptr, log_softmax_grad = nullptr;

  /// Sum of the rows' losses; a class out of range makes it NaN.
  double (*cross_entropy)(const CrossEntropyTask& task) = nullptr;
  void (*cross_entropy_grad)(const CrossEntropyTask& task) = nullptr;
  /// Sum of (a - b)^2.
  double (*squared_error)(const float* a, const float* b, std::int64_t n) = nullptr;
};

}  // namespace n2d2::cpu
