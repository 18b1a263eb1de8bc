// The order of a value's axes in memory.
#pragma once
#include <optional>
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::ir {

/// The axes from the slowest to the fastest, written out also when they are row-major.
std::vector<int> order_of(const Value& value);
/// Whether the two orders put every element of a tensor of that shape at the same place (axes of extent 1 may lie anywhere).
bool same_memory(const Value& value, const std::vector<int>& a, const std::vector<int>& b);
/// Whether the last axis is the fastest, and so on.
bool is_row_major(const Value& value);
/// Distance in elements between neighbours along each axis; along the batch axis, for one unit of its extent.
std::vector<std::int64_t> strides_of(const Shape& shape, const std::vector<int>& order);
/// The order under which a Reshape from `from`, whose axes lie in `order`, to `to` leaves every element where it is; nothing when there
/// is none, because axes that become one, or parts of one, do not lie row-major next to each other.
std::optional<std::vector<int>> order_after_reshape(const Shape& from, const std::vector<int>& order, const Shape& to);

}  // namespace n2d2::ir
