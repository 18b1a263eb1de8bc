// Bodies of the normalisation of rows: LayerNormalization and RMSNormalization.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// `rows` rows of `count` neighbours. Without `centred` the mean counts as 0 and the arrays of means may be null.
struct LayerNormTask {
  std::int64_t rows = 0, count = 0;
  const float *x = nullptr, *dy = nullptr;
  const float *scale = nullptr, *bias = nullptr;  ///< [count], or null: 1 and 0
  bool centred = true;
  double epsilon = 0.0;
  float *mean = nullptr, *inv_std = nullptr;      ///< [rows]: written by forward, read by gradient
  float* to = nullptr;                            ///< y or dx
  double *scale_sums = nullptr, *sums = nullptr;  ///< [count]: added to by gradient; may be null
};

struct LayerNormBodies {
  /// y = (x - mean) * inv_std * scale + bias.
  void (*forward)(const LayerNormTask& task) = nullptr;
  /// dx, and the sums over rows of dy * (x - mean) * inv_std and of dy.
  void (*gradient)(const LayerNormTask& task) = nullptr;
};

}  // namespace n2d2::cpu
