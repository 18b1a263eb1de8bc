// Gather, GatherElements and their gradients. All operands are row-major: [outer, extent of the axis, inner].
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/error.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;
using plan::Range;

constexpr std::int64_t kGrain = 16;  // floats: no two lanes write one cache line

/// The axis of the data from which elements are taken.
struct Axis {
  std::string label;
  std::int64_t outer = 1, size = 1, inner = 1;  ///< `outer` of one row
  std::int64_t count = 1;                       ///< indices, of one row when they depend on the batch
  bool wraps = false;                           ///< negative indices count from the end
  std::int64_t padding = -1;

  Axis(const ir::Node& node, const Shape& data) : label(node.label()) {
    const int axis = normalized_axis(node.integer("axis"), data.rank(), "axis");
    for (int i = 0; i < data.rank(); ++i) (i < axis ? outer : i == axis ? size : inner) *= data[i].size;
    const ir::Value& indices = *node.input(1);
    count = node.op().name.starts_with("GatherElements") ? indices.shape()[axis].size : indices.shape().elements_per_row();
    wraps = indices.kind == ir::ValueKind::constant;
    if (node.attributes().has("padding_idx")) padding = node.integer("padding_idx");
  }

  std::int64_t place(std::int64_t index) const {
    const std::int64_t found = wraps && index < 0 ? index + size : index;
    if (found < 0 || found >= size) throw ValueError(fmt::format("{}: index {} is outside [0, {})", label, index, size));
    return found;
  }
};

/// y = data at the places; `outers` and `counts` of all rows at hand.
template <class T>
void take(const Axis& axis, const float* data, const T* indices, float* y, std::int64_t outers, std::int64_t counts) {
  const auto bytes = static_cast<std::size_t>(axis.inner) * sizeof(float);
  for (std::int64_t o = 0; o < outers; ++o, data += axis.size * axis.inner) {
    for (std::int64_t i = 0; i < counts; ++i, y += axis.inner) std::memcpy(y, data + axis.place(indices[i]) * axis.inner, bytes);
  }
}

/// dx = the sums of dy by place, of columns [part.begin, part.end) of `inner`.
template <class T>
void scatter(const Axis& axis, const float* dy, const T* indices, float* dx, std::int64_t outers, std::int64_t counts, Range part) {
  if (part.size() == 0) return;
  for (std::int64_t o = 0; o < outers; ++o) {
    float* to = dx + o * axis.size * axis.inner + part.begin;
    for (std::int64_t v = 0; v < axis.size; ++v) std::fill_n(to + v * axis.inner, part.size(), 0.0F);
    const float* from = dy + o * counts * axis.inner + part.begin;
    for (std::int64_t i = 0; i < counts; ++i, from += axis.inner) {
      const std::int64_t place = axis.place(indices[i]);
      if (place != axis.padding) simd().accumulate(from, to + place * axis.inner, part.size());
    }
  }
}

template <class T>
void gather(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Axis axis(node, node.input_shape(0));
  const auto data = emit.in(0), indices = emit.in(1), y = emit.out();
  if (node.input(1)->is_batched()) {
    return emit.rows([=](const Lane& lane) {
      take(axis, data.all(lane), indices.template rows<T>(lane), y.rows(lane), axis.outer, lane.rows * axis.count);
    });
  }
  if (node.input(0)->is_batched()) {
    return emit.rows([=](const Lane& lane) {
      take(axis, data.rows(lane), indices.template all<T>(lane), y.rows(lane), lane.rows * axis.outer, axis.count);
    });
  }
  emit.single([=](const Lane& lane) { take(axis, data.all(lane), indices.template all<T>(lane), y.all(lane), axis.outer, axis.count); });
}

/// Lanes share out the columns of a gradient that does not depend on the batch: every sum runs over all rows in their order, whatever
/// the number of lanes.
template <class T>
void gather_grad(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Axis axis(node, node.output_shape());
  const auto dy = emit.in(0), indices = emit.in(1), dx = emit.out();
  if (node.output()->is_batched()) {
    return emit.rows([=](const Lane& lane) {
      const Range whole{0, axis.inner};
      scatter(axis, dy.rows(lane), indices.template all<T>(lane), dx.rows(lane), lane.rows * axis.outer, axis.count, whole);
    });
  }
  const bool by_rows = node.input(1)->is_batched();
  emit.step({plan::writes(dx, Access::features), plan::reads(dy, Access::all), plan::reads(indices, Access::all)}, [=](const Lane& lane) {
    const std::int64_t counts = axis.count * (by_rows ? lane.total_rows : 1);
    const Range part = plan::slice_of(axis.inner, lane, kGrain);
    scatter(axis, dy.all(lane), indices.template all<T>(lane), dx.all(lane), axis.outer, counts, part);
  });
}

template <class T>
void take_elements(const Axis& axis, const float* data, const T* indices, float* y, std::int64_t outers) {
  for (std::int64_t o = 0; o < outers; ++o, data += axis.size * axis.inner) {
    for (std::int64_t i = 0; i < axis.count; ++i) {
      for (std::int64_t k = 0; k < axis.inner; ++k) *y++ = data[axis.place(*indices++) * axis.inner + k];
    }
  }
}

template <class T>
void scatter_elements(const Axis& axis, const float* dy, const T* indices, float* dx, std::int64_t outers) {
  std::fill_n(dx, outers * axis.size * axis.inner, 0.0F);
  for (std::int64_t o = 0; o < outers; ++o, dx += axis.size * axis.inner) {
    for (std::int64_t i = 0; i < axis.count; ++i) {
      for (std::int64_t k = 0; k < axis.inner; ++k) dx[axis.place(*indices++) * axis.inner + k] += *dy++;
    }
  }
}

/// from and indices give to, by outer index: `body` is take_elements or scatter_elements.
template <class T, auto kBody>
void elements(Emitter& emit, const Shape& data) {
  const Axis axis(emit.node(), data);
  const auto from = emit.in(0), indices = emit.in(1), to = emit.out();
  if (!data.is_batched()) {
    return emit.single([=](const Lane& lane) { kBody(axis, from.all(lane), indices.template all<T>(lane), to.all(lane), axis.outer); });
  }
  emit.rows([=](const Lane& lane) { kBody(axis, from.rows(lane), indices.template rows<T>(lane), to.rows(lane), lane.rows * axis.outer); });
}

template <class T>
void gather_elements(Emitter& emit) {
  elements<T, take_elements<T>>(emit, emit.node().input_shape(0));
}

template <class T>
void gather_elements_grad(Emitter& emit) {
  elements<T, scatter_elements<T>>(emit, emit.node().output_shape());
}

template <auto kInt32, auto kInt64>
void by_type(Emitter& emit) {
  emit.node().input(1)->type.dtype == DType::int32 ? kInt32(emit) : kInt64(emit);
}

}  // namespace

Kernels gather_kernels() {
  using i32 = std::int32_t;
  using i64 = std::int64_t;
  return {{"Gather", "gather", nullptr, by_type<gather<i32>, gather<i64>>},
          {"GatherGrad", "scatter", nullptr, by_type<gather_grad<i32>, gather_grad<i64>>},
          {"GatherElements", "gather", nullptr, by_type<gather_elements<i32>, gather_elements<i64>>},
          {"GatherElementsGrad", "scatter", nullptr, by_type<gather_elements_grad<i32>, gather_elements_grad<i64>>}};
}

}  // namespace n2d2::cpu
