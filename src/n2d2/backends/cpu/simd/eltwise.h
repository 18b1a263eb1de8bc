// Elementwise operators of two and three tensors: the rows of simd/eltwise.cpp.
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

/// The same of three operands.
struct TernaryTask {
  const float* inputs[3] = {};
  float* y = nullptr;
  std::int64_t n = 0;
  std::int64_t steps[3] = {1, 1, 1};  ///< vectors for 0 and 1
  std::int64_t runs = 1, input_runs[3] = {}, y_run = 0;
};

template <class Task>
struct EltwiseBody {
  const char* op = nullptr;
  void (*run)(const Task& task) = nullptr;
  const char* variant = "";  ///< text of the attribute `ties` for which this is the body
};
using BinaryBody = EltwiseBody<BinaryTask>;
using TernaryBody = EltwiseBody<TernaryTask>;

}  // namespace n2d2::cpu
