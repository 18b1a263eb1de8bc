// Which elements a Slice takes.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::ops {

/// Elements start, start + step, ... of an axis, `count` of them.
struct Cut {
  int axis;
  std::int64_t start, step, count;
};

/// The cuts of a Slice of data of shape `x`, by its attributes starts, ends, axes, steps. Throws ValueError, UnsupportedError.
std::vector<Cut> cuts_of(const ir::Node& node, const Shape& x);

}  // namespace n2d2::ops
