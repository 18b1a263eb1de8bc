#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"

namespace n2d2::cpu {

std::vector<std::int64_t> broadcast_strides(const ir::Value& value, const Shape& shape) {
  const auto own = ir::strides_of(value.shape(), ir::order_of(value));
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 0);
  const int missing = shape.rank() - value.rank();
  for (int axis = 0; axis < value.rank(); ++axis) {
    const Dim& dim = value.type.shape[axis];
    const bool is_one = !dim.per_row && dim.size == 1;
    if (!is_one) strides[static_cast<std::size_t>(axis + missing)] = own[static_cast<std::size_t>(axis)];
  }
  return strides;
}

}  // namespace n2d2::cpu
