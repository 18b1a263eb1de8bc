// Everything that copies elements to other places: Transpose, Reorder, StopGradient, Flatten, Reshape. Where they move nothing they never
// run.
#include "n2d2/backends/cpu/kernels/copies/strided_copy.h"
#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/dtype.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

template <class T>
void copy(Emitter& emit, const StridedLoop<2>& loop) {
  const auto x = emit.in(0), y = emit.out();
  const auto body = [=](T* to, const T* from, std::int64_t rows) {
    const std::int64_t n = loop.inner();
    const auto [sy, sx] = loop.inner_steps();
    loop.run(rows, [&, sy = sy, sx = sx](const auto& offsets) {
      T* __restrict out = to + offsets[0];
      const T* in = from + offsets[1];
      if (sy == 1 && sx == 1) {
        for (std::int64_t i = 0; i < n; ++i) out[i] = in[i];
      } else {
        for (std::int64_t i = 0; i < n; ++i) out[i * sy] = in[i * sx];
      }
    });
  };
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(y.template all<T>(lane), x.template all<T>(lane), 1); }, {});
  }
  emit.rows([=](const Lane& lane) { body(y.template rows<T>(lane), x.template rows<T>(lane), lane.rows); });
}

void copy_floats(Emitter& emit, const StridedCopy& copy) {
  const auto x = emit.in(0), y = emit.out();
  if (!emit.node().output()->is_batched()) return emit.single([=](const Lane& lane) { copy.run(1, x.all(lane), y.all(lane)); }, {});
  emit.rows([=](const Lane& lane) { copy.run(lane.rows, x.rows(lane), y.rows(lane)); });
}

/// `from` and `to`: strides along the axes of `shape`.
void copy_any(Emitter& emit, const Shape& shape, const std::vector<int>& order, const std::vector<std::int64_t>& to,
              const std::vector<std::int64_t>& from) {
  const ir::Value& y = *emit.node().output();
  if (y.type.dtype == DType::float32) return copy_floats(emit, {shape, from, to});
  const StridedLoop<2> loop(shape, order, {to, from});
  switch (size_of(emit.node().output()->type.dtype)) {
    case 1:
      return copy<std::uint8_t>(emit, loop);
    case 4:
      return copy<std::int32_t>(emit, loop);
    default:
      return copy<std::int64_t>(emit, loop);
  }
}

void transpose(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& x = *node.input(0);
  const ir::Value& y = *node.output();
  const auto own = ir::strides_of(x.shape(), ir::order_of(x));
  std::vector<std::int64_t> from;
  for (const std::int64_t axis : node.integers("perm")) from.push_back(own[static_cast<std::size_t>(axis)]);
  copy_any(emit, y.shape(), ir::order_of(y), ir::strides_of(y.shape(), ir::order_of(y)), from);
}

void reorder(Emitter& emit) {
  const ir::Value& x = *emit.node().input(0);
  const ir::Value& y = *emit.node().output();
  copy_any(emit, y.shape(), ir::order_of(y), ir::strides_of(y.shape(), ir::order_of(y)), ir::strides_of(x.shape(), ir::order_of(x)));
}

/// Both sides are row-major: the same bytes in the same order.
void reshape(Emitter& emit) {
  const ir::Value& y = *emit.node().output();
  const Shape flat = y.is_batched() ? Shape{Dim::rows(), y.shape().elements_per_row()} : Shape{y.shape().elements_per_row()};
  std::vector<int> order;
  for (int axis = 0; axis < flat.rank(); ++axis) order.push_back(axis);
  const auto strides = ir::strides_of(flat, order);
  copy_any(emit, flat, order, strides, strides);
}

}  // namespace

Kernels transpose_kernels() {
  return {{"Transpose", "strided_copy", nullptr, transpose},
          {"Reorder", "strided_copy", nullptr, reorder},
          {"StopGradient", "strided_copy", nullptr, reorder},
          {"Flatten", "copy", nullptr, reshape},
          {"Reshape", "copy", nullptr, reshape}};
}

}  // namespace n2d2::cpu
