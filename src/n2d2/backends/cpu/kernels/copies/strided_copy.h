// Copies a tensor of floats to another order in memory: runs of neighbours and transpositions as far as the strides allow.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/core/shape.h"

namespace n2d2::cpu {

class StridedCopy {
 public:
  StridedCopy() = default;
  /// Strides in floats along the axes of `shape`; along the batch axis, which is the slowest of both, for one unit of its extent.
  StridedCopy(const Shape& shape, const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to);
  void run(std::int64_t rows, const float* from, float* to) const;

 private:
  struct Axis {
    std::int64_t extent, from, to;
  };
  void outer(std::size_t axis, const float* from, float* to) const;
  void inner(const float* from, float* to) const;

  std::int64_t rows_ = 1, from_row_ = 0, to_row_ = 0;  ///< the batch axis: extent per row, strides
  std::vector<Axis> axes_;                             ///< all others, slowest of `to` first, but those of inner() are left out
  Axis along_from_{1, 1, 1}, along_to_{1, 1, 1};       ///< a transposition; a run when they are the same
  bool is_run_ = true, is_transposition_ = false;
};

}  // namespace n2d2::cpu
