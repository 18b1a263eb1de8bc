// Bodies of average pools and of sums over places.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// rows x columns pixels of so many channels, the first at `pixel`, so many floats apart.
struct AverageWindow {
  std::int64_t pixel = 0;
  std::int64_t rows = 1, row_step = 0;
  std::int64_t columns = 1, column_step = 0;
  std::int64_t channels = 0;
};

struct AverageBodies {
  /// to = sum over the pixels / divisor; summed in double.
  void (*mean)(const AverageWindow& window, const float* from, double divisor, float* to) = nullptr;
  /// to += sum over the pixels.
  void (*add)(const AverageWindow& window, const float* from, double* to) = nullptr;
  /// Sum of n neighbours.
  double (*sum)(const float* from, std::int64_t n) = nullptr;
  /// Every pixel of `to` gets from / divisor, on top of what is there if `adds`.
  void (*spread)(const AverageWindow& window, const float* from, float divisor, bool adds, float* to) = nullptr;
};

}  // namespace n2d2::cpu
