#include "n2d2/backends/cpu/kernels/copies/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {

StridedCopy::StridedCopy(const Shape& shape, const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to) {
  for (int i = 0; i < shape.rank(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    if (shape[i].per_row) {
      rows_ = shape[i].size;
      from_row_ = from[at];
      to_row_ = to[at];
    } else if (shape[i].size != 1) {
      axes_.push_back({shape[i].size, from[at], to[at]});
    }
  }
  std::stable_sort(axes_.begin(), axes_.end(), [](const Axis& a, const Axis& b) { return a.to > b.to; });
  for (std::size_t i = 1; i < axes_.size();) {  // axes that are walked through in one go on both sides
    Axis &slow = axes_[i - 1], &fast = axes_[i];
    if (slow.from != fast.from * fast.extent || slow.to != fast.to * fast.extent) {
      ++i;
      continue;
    }
    fast.extent *= slow.extent;
    axes_.erase(axes_.begin() + static_cast<std::ptrdiff_t>(i) - 1);
  }
  if (axes_.empty()) return;
  along_to_ = axes_.back();
  axes_.pop_back();
  is_run_ = along_to_.from == 1 && along_to_.to == 1;
  const auto along_from = std::find_if(axes_.begin(), axes_.end(), [](const Axis& axis) { return axis.from == 1; });
  is_transposition_ = !is_run_ && along_to_.to == 1 && along_from != axes_.end();
  if (!is_transposition_) return;
  along_from_ = *along_from;
  axes_.erase(along_from);
}

void StridedCopy::inner(const float* from, float* to) const {
  if (is_run_) return void(std::memcpy(to, from, static_cast<std::size_t>(along_to_.extent) * sizeof(float)));
  if (is_transposition_) return simd().transpose(from, along_to_.from, to, along_from_.to, along_from_.extent, along_to_.extent);
  for (std::int64_t i = 0; i < along_to_.extent; ++i) to[i * along_to_.to] = from[i * along_to_.from];
}

void StridedCopy::outer(std::size_t axis, const float* from, float* to) const {
  if (axis == axes_.size()) return inner(from, to);
  for (std::int64_t i = 0; i < axes_[axis].extent; ++i) outer(axis + 1, from + i * axes_[axis].from, to + i * axes_[axis].to);
}

void StridedCopy::run(std::int64_t rows, const float* from, float* to) const {
  const std::int64_t count = from_row_ == 0 && to_row_ == 0 ? 1 : rows * rows_;
  for (std::int64_t row = 0; row < count; ++row) outer(0, from + row * from_row_, to + row * to_row_);
}

}  // namespace n2d2::cpu
