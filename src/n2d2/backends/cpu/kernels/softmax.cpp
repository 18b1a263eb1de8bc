// Softmax, LogSoftmax and their gradients along one axis of row-major tensors.
#include <algorithm>
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// A row of the batch is `outer` blocks of `count` numbers that lie `inner` apart.
struct AxisView {
  std::int64_t outer = 1, count = 1, inner = 1;

  /// Calls body(offset of the first number) for every vector along the axis in `rows` rows.
  template <class Body>
  void each(std::int64_t rows, const Body& body) const {
    for (std::int64_t block = 0; block < rows * outer; ++block) {
      for (std::int64_t i = 0; i < inner; ++i) body(block * count * inner + i);
    }
  }
};

AxisView view_of(const ir::Node& node) {
  const Shape& shape = node.output_shape();
  const int axis = normalized_axis(node.integer("axis"), shape.rank(), "axis");
  AxisView view;
  for (int i = 0; i < shape.rank(); ++i) (i < axis ? view.outer : i == axis ? view.count : view.inner) *= shape[i].size;
  return view;
}

float maximum(const float* x, std::int64_t n, std::int64_t step) {
  float most = x[0];
  for (std::int64_t i = 1; i < n; ++i) most = std::max(most, x[i * step]);
  return most;
}

// Sums are kept in double: gradients of a softmax are small differences of large numbers.
void softmax_vector(const float* x, float* y, std::int64_t n, std::int64_t step) {
  const float most = maximum(x, n, step);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(y[i * step] = std::exp(x[i * step] - most));
  for (std::int64_t i = 0; i < n; ++i) y[i * step] = static_cast<float>(static_cast<double>(y[i * step]) / sum);
}

void log_softmax_vector(const float* x, float* y, std::int64_t n, std::int64_t step) {
  const float most = maximum(x, n, step);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(std::exp(x[i * step] - most));
  const double log_sum = std::log(sum) + static_cast<double>(most);
  for (std::int64_t i = 0; i < n; ++i) y[i * step] = static_cast<float>(static_cast<double>(x[i * step]) - log_sum);
}

void softmax_grad_vector(const float* dy, const float* y, float* dx, std::int64_t n, std::int64_t step) {
  double dot = 0;
  for (std::int64_t i = 0; i < n; ++i) dot += static_cast<double>(dy[i * step]) * static_cast<double>(y[i * step]);
  for (std::int64_t i = 0; i < n; ++i) {
    dx[i * step] = static_cast<float>(static_cast<double>(y[i * step]) * (static_cast<double>(dy[i * step]) - dot));
  }
}

void log_softmax_grad_vector(const float* dy, const float* y, float* dx, std::int64_t n, std::int64_t step) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(dy[i * step]);
  for (std::int64_t i = 0; i < n; ++i) {
    const double share = std::exp(static_cast<double>(y[i * step]));
    dx[i * step] = static_cast<float>(static_cast<double>(dy[i * step]) - share * sum);
  }
}

using Forward = void (*)(const float*, float*, std::int64_t, std::int64_t);
using Backward = void (*)(const float*, const float*, float*, std::int64_t, std::int64_t);

template <Forward kVector>
void forward(Emitter& emit) {
  const auto x = emit.in(0), y = emit.out();
  const AxisView view = view_of(emit.node());
  emit.rows([=](const Lane& lane) {
    const float* in = x.rows(lane);
    float* out = y.rows(lane);
    view.each(lane.rows, [&](std::int64_t at) { kVector(in + at, out + at, view.count, view.inner); });
  });
}

template <Backward kVector>
void backward(Emitter& emit) {
  const auto dy = emit.in(0), y = emit.in(1), dx = emit.out();
  const AxisView view = view_of(emit.node());
  emit.rows([=](const Lane& lane) {
    const float* gradient = dy.rows(lane);
    const float* saved = y.rows(lane);
    float* out = dx.rows(lane);
    view.each(lane.rows, [&](std::int64_t at) { kVector(gradient + at, saved + at, out + at, view.count, view.inner); });
  });
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels softmax_kernels() {
  return {{"Softmax", "softmax", refuses_unbatched, forward<softmax_vector>},
          {"SoftmaxGrad", "softmax_grad", refuses_unbatched, backward<softmax_grad_vector>},
          {"LogSoftmax", "log_softmax", refuses_unbatched, forward<log_softmax_vector>},
          {"LogSoftmaxGrad", "log_softmax_grad", refuses_unbatched, backward<log_softmax_grad_vector>}};
}

}  // namespace n2d2::cpu
