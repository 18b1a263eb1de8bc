#include "n2d2/ir/memory_order.h"

#include <numeric>

namespace n2d2::ir {

std::vector<int> order_of(const Value& value) {
  if (!value.order.empty()) return value.order;
  std::vector<int> order(static_cast<std::size_t>(value.rank()));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

bool same_memory(const Value& value, const std::vector<int>& a, const std::vector<int>& b) {
  const auto moving = [&](const std::vector<int>& order) {
    std::vector<int> axes;
    for (const int axis : order) {
      if (value.type.shape[axis].per_row || value.type.shape[axis].size != 1) axes.push_back(axis);
    }
    return axes;
  };
  return moving(a) == moving(b);
}

std::vector<std::int64_t> strides_of(const Shape& shape, const std::vector<int>& order) {
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 1);
  std::int64_t stride = 1;
  for (auto axis = order.rbegin(); axis != order.rend(); ++axis) {
    strides[static_cast<std::size_t>(*axis)] = stride;
    stride *= shape[*axis].size;
  }
  return strides;
}

}  // namespace n2d2::ir
