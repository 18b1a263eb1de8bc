// Softmax, LogSoftmax and their gradients along one axis of row-major tensors.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using Bodies = SoftmaxBodies;

/// A row of the batch is `outer` blocks of `count` numbers that lie `inner` apart.
struct AxisView {
  std::int64_t outer = 1, count = 1, inner = 1;

  static constexpr std::int64_t kTogether = 16;

  /// Calls body(offset of the first number, m) for every m <= kTogether neighbouring vectors along the axis in `rows` rows.
  template <class Body>
  void each(std::int64_t rows, const Body& body) const {
    for (std::int64_t block = 0; block < rows * outer; ++block) {
      for (std::int64_t i = 0; i < inner; i += kTogether) body(block * count * inner + i, std::min(kTogether, inner - i));
    }
  }
  /// Copies m vectors from x to `copy`, [m, count].
  const float* gather(const float* x, std::int64_t m, float* copy) const {
    for (std::int64_t k = 0; k < m; ++k) {
      for (std::int64_t i = 0; i < count; ++i) copy[k * count + i] = x[i * inner + k];
    }
    return copy;
  }
  /// And back.
  void scatter(const float* copy, std::int64_t m, float* y) const {
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t k = 0; k < m; ++k) y[i * inner + k] = copy[k * count + i];
    }
  }
  std::int64_t floats() const { return inner == 1 ? 0 : kTogether * count; }
};

AxisView view_of(const ir::Node& node) {
  const Shape& shape = node.output_shape();
  const int axis = normalized_axis(node.integer("axis"), shape.rank(), "axis");
  AxisView view;
  for (int i = 0; i < shape.rank(); ++i) (i < axis ? view.outer : i == axis ? view.count : view.inner) *= shape[i].size;
  return view;
}

template <auto kBody>
void forward(Emitter& emit) {
  const auto x = emit.in(0), y = emit.out();
  const AxisView view = view_of(emit.node());
  const auto scratch = emit.scratch(view.floats() * static_cast<std::int64_t>(sizeof(float)));
  emit.rows(
      [=, body = simd().softmax.*kBody](const Lane& lane) {
        if (view.inner == 1) return body(x.rows(lane), y.rows(lane), lane.rows * view.outer, view.count);
        float* copy = scratch.own(lane);
        view.each(lane.rows, [&](std::int64_t at, std::int64_t m) {
          body(view.gather(x.rows(lane) + at, m, copy), copy, m, view.count);
          view.scatter(copy, m, y.rows(lane) + at);
        });
      },
      {plan::writes(scratch, Access::own)});
}

template <auto kBody>
void backward(Emitter& emit) {
  const auto dy = emit.in(0), y = emit.in(1), dx = emit.out();
  const AxisView view = view_of(emit.node());
  const auto scratch = emit.scratch(2 * view.floats() * static_cast<std::int64_t>(sizeof(float)));
  emit.rows(
      [=, body = simd().softmax.*kBody](const Lane& lane) {
        if (view.inner == 1) return body(dy.rows(lane), y.rows(lane), dx.rows(lane), lane.rows * view.outer, view.count);
        float* copy = scratch.own(lane);
        view.each(lane.rows, [&](std::int64_t at, std::int64_t m) {
          const float* saved = view.gather(y.rows(lane) + at, m, copy + view.floats());
          body(view.gather(dy.rows(lane) + at, m, copy), saved, copy, m, view.count);
          view.scatter(copy, m, dx.rows(lane) + at);
        });
      },
      {plan::writes(scratch, Access::own)});
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels softmax_kernels() {
  return {{"Softmax", "softmax", refuses_unbatched, forward<&Bodies::softmax>},
          {"SoftmaxGrad", "softmax_grad", refuses_unbatched, backward<&Bodies::softmax_grad>},
          {"LogSoftmax", "log_softmax", refuses_unbatched, forward<&Bodies::log_softmax>},
          {"LogSoftmaxGrad", "log_softmax_grad", refuses_unbatched, backward<&Bodies::log_softmax_grad>}};
}

}  // namespace n2d2::cpu
