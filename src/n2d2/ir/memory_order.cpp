#include "n2d2/ir/memory_order.h"

#include <algorithm>
#include <iterator>
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

bool is_row_major(const Value& value) {
  std::vector<int> row_major(static_cast<std::size_t>(value.rank()));
  std::iota(row_major.begin(), row_major.end(), 0);
  return same_memory(value, order_of(value), row_major);
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

namespace {

bool moves(const Dim& dim) { return dim.per_row || dim.size != 1; }

/// The axes that move, from `axis` on, until they hold `size` elements; the extent of the batch may be among them.
struct AxisGroup {
  std::vector<int> axes;
  Dim extent = Dim(1);

  void add(const Shape& shape, int& axis) {
    while (axis < shape.rank() && !moves(shape[axis])) ++axis;
    if (axis == shape.rank()) return;
    extent.size *= shape[axis].size;
    extent.per_row = extent.per_row || shape[axis].per_row;
    axes.push_back(axis++);
  }
};

/// Puts every axis of extent 1 in front of its neighbour.
void insert_units(const Shape& shape, std::vector<int>& order) {
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (!moves(shape[axis])) order.insert(std::find(order.begin(), order.end(), axis + 1), axis);
  }
}

}  // namespace

std::optional<std::vector<int>> order_after_reshape(const Shape& from, const std::vector<int>& order, const Shape& to) {
  std::vector<int> moving;
  std::copy_if(order.begin(), order.end(), std::back_inserter(moving), [&](int axis) { return moves(from[axis]); });
  std::vector<std::vector<int>> replaced(moving.size());  // by place in memory of the first axis of a group: what stands there then
  int i = 0, j = 0;
  for (std::size_t done = 0; done < moving.size();) {
    AxisGroup before, after;
    before.add(from, i);
    after.add(to, j);
    while (!(before.extent == after.extent)) {
      const bool is_short = before.extent.size < after.extent.size || (before.extent.size == after.extent.size && !before.extent.per_row);
      is_short ? before.add(from, i) : after.add(to, j);
    }
    const auto at = std::search(moving.begin(), moving.end(), before.axes.begin(), before.axes.end());
    if (at == moving.end()) return std::nullopt;
    replaced[static_cast<std::size_t>(at - moving.begin())] = after.axes;
    done += before.axes.size();
  }
  std::vector<int> result;
  for (const auto& axes : replaced) result.insert(result.end(), axes.begin(), axes.end());
  insert_units(to, result);
  return result;
}

}  // namespace n2d2::ir
