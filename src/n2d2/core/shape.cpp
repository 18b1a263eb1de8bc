#include "n2d2/core/shape.h"

#include <fmt/core.h>

#include "n2d2/core/error.h"

namespace n2d2 {

int Shape::batch_axis() const {
  for (int axis = 0; axis < rank(); ++axis) {
    if ((*this)[axis].per_row) return axis;
  }
  return -1;
}

std::int64_t Shape::elements_per_row() const {
  std::int64_t count = 1;
  for (const Dim& dim : dims_) count *= dim.size;
  return count;
}

std::int64_t Shape::elements(std::int64_t rows) const { return is_batched() ? elements_per_row() * rows : elements_per_row(); }

std::vector<std::int64_t> Shape::at(std::int64_t rows) const {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : dims_) extents.push_back(dim.at(rows));
  return extents;
}

std::string Shape::text() const {
  std::string out = "[";
  for (int axis = 0; axis < rank(); ++axis) {
    const Dim& dim = (*this)[axis];
    if (axis > 0) out += ",";
    out += dim.per_row ? (dim.size == 1 ? "N" : fmt::format("{}N", dim.size)) : fmt::format("{}", dim.size);
  }
  return out + "]";
}

int normalized_axis(std::int64_t axis, int rank, const std::string& what) {
  if (axis < -rank || axis >= rank) {
    throw ValueError(fmt::format("{}: axis {} is outside [{}, {}]", what, axis, -rank, rank - 1));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

}  // namespace n2d2
