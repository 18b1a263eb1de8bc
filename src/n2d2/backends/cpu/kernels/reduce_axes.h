// Which axes a reduction goes over, and how its small tensor lies beside the large one.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/core/shape.h"
#include "n2d2/ir/graph.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {

/// Which axes of `x` the `axes` of the node name: all when empty.
inline std::vector<bool> reduced_axes(const ir::Node& node, const Shape& x) {
  const auto& axes = node.integers("axes");
  std::vector<bool> reduced(static_cast<std::size_t>(x.rank()), axes.empty());
  for (const std::int64_t axis : axes) reduced[static_cast<std::size_t>(normalized_axis(axis, x.rank(), "axes"))] = true;
  return reduced;
}

/// Strides of the reduced tensor along the axes of `x`: 0 along those that were reduced.
inline std::vector<std::int64_t> strides_along(const ir::Value& small, const Shape& x, const std::vector<bool>& reduced, bool keepdims) {
  const auto own = ir::strides_of(small.shape(), ir::order_of(small));
  std::vector<std::int64_t> strides(static_cast<std::size_t>(x.rank()), 0);
  std::size_t next = 0;
  for (std::size_t axis = 0; axis < strides.size(); ++axis) {
    if (!reduced[axis]) strides[axis] = own[next];
    if (!reduced[axis] || keepdims) ++next;
  }
  return strides;
}

}  // namespace n2d2::cpu
