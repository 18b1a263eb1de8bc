// Bodies of batch normalisation.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// Channels-last activations as places of `width` floats: the channels, or, where those are fewer than the lanes of a vector, as many
/// places as make whole vectors (NormalizeBodies::width). Arrays per channel are `width` long, too.
struct NormalizeTask {
  std::int64_t width = 0;
  std::int64_t floats = 0;  ///< of x; the last place may be cut short
  const float *x = nullptr, *dy = nullptr;
  const float* mean = nullptr;
  const float *scale = nullptr, *shift = nullptr;     ///< y = (x - mean) * scale + shift
  const float *slope = nullptr, *constant = nullptr;  ///< dx = g * scale + (x - mean) * slope + constant
  const float* added = nullptr;                       ///< to y, before relu; may be null
  bool relu = false;       ///< y is max(., 0) of that, and g is dy where y > 0, else 0; otherwise g is dy (`added` is not for gradients)
  float* to = nullptr;     ///< y or dx
  double* sums = nullptr;  ///< [2, width]: added to
};

struct NormalizeBodies {
  std::int64_t (*width)(std::int64_t channels) = nullptr;
  /// Sums of x - mean and of its square.
  void (*moments)(const NormalizeTask& task) = nullptr;
  /// y.
  void (*apply)(const NormalizeTask& task) = nullptr;
  /// Sums of g and of g * (x - mean).
  void (*gradient_sums)(const NormalizeTask& task) = nullptr;
  /// dx.
  void (*gradient)(const NormalizeTask& task) = nullptr;
};

}  // namespace n2d2::cpu
