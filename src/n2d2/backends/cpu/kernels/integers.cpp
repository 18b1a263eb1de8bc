// OneHot and Cast. All operands are row-major.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// body(from, to, rows) on the lane's rows, or on all of what does not depend on the batch.
template <class From, class To, class Body>
void by_rows(Emitter& emit, const Body& body) {
  const auto x = emit.in(0), y = emit.out();
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(x.template all<From>(lane), y.template all<To>(lane), 1); });
  }
  emit.rows([=](const Lane& lane) { body(x.template rows<From>(lane), y.template rows<To>(lane), lane.rows); });
}

template <class T>
void one_hot(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Shape& y = node.output_shape();
  const int axis = normalized_axis(node.integer("axis"), y.rank(), "axis");
  std::int64_t outer = 1, inner = 1;
  for (int i = 0; i < y.rank(); ++i) {
    if (i != axis) (i < axis ? outer : inner) *= y[i].size;
  }
  by_rows<T, float>(emit, [=, depth = y[axis].size](const T* indices, float* to, std::int64_t rows) {
    std::fill_n(to, rows * outer * depth * inner, 0.0F);
    for (std::int64_t o = 0; o < rows * outer; ++o, to += depth * inner) {
      for (std::int64_t k = 0; k < inner; ++k) {
        const T index = *indices++;
        if (index >= 0 && index < depth) to[index * inner + k] = 1.0F;
      }
    }
  });
}

void one_hot_of(Emitter& emit) {
  emit.node().input(0)->type.dtype == DType::int32 ? one_hot<std::int32_t>(emit) : one_hot<std::int64_t>(emit);
}

template <class From, class To>
void convert(Emitter& emit) {
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  by_rows<From, To>(emit, [=](const From* from, To* to, std::int64_t rows) {
    for (std::int64_t i = 0; i < rows * count; ++i) to[i] = static_cast<To>(from[i]);
  });
}

template <class From>
void cast_from(Emitter& emit) {
  switch (emit.node().output()->type.dtype) {
    case DType::int32:
      return convert<From, std::int32_t>(emit);
    case DType::int64:
      return convert<From, std::int64_t>(emit);
    default:
      return convert<From, float>(emit);
  }
}

void cast(Emitter& emit) {
  switch (emit.node().input(0)->type.dtype) {
    case DType::int32:
      return cast_from<std::int32_t>(emit);
    case DType::int64:
      return cast_from<std::int64_t>(emit);
    case DType::uint8:
      return cast_from<std::uint8_t>(emit);
    default:
      return cast_from<float>(emit);
  }
}

}  // namespace

Kernels integer_kernels() { return {{"OneHot", "one_hot", nullptr, one_hot_of}, {"Cast", "cast", nullptr, cast}}; }

}  // namespace n2d2::cpu
