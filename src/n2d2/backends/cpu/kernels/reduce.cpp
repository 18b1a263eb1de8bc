// ReduceSum, ReduceMean, SumTo, and the gradients that spread a sum out again. Sums are kept in double.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/bodies.h"
#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/reduce_axes.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;

/// Number of elements of each sum; the rows of the batch come on top when `over_rows`.
struct Count {
  double elements = 1;
  bool over_rows = false;
  double at(std::int64_t total_rows) const { return elements * (over_rows ? static_cast<double>(total_rows) : 1.0); }
};

Count count_of(const Shape& x, const std::vector<bool>& reduced) {
  Count count;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (!reduced[static_cast<std::size_t>(axis)]) continue;
    count.elements *= static_cast<double>(x[axis].size);
    count.over_rows = count.over_rows || x[axis].per_row;
  }
  return count;
}

double sum_of(const float* x, std::int64_t n, std::int64_t step) {
  if (step == 1) return simd().average.sum(x, n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i * step]);
  return sum;
}

/// y[small strides] += x, in double, then divided by the count.
void reduce(Emitter& emit, const std::vector<std::int64_t>& small_strides, const Count& count) {
  const ir::Value& in = *emit.node().input(0);
  const ir::Value& out = *emit.node().output();
  const StridedLoop<2> loop(in.shape(), ir::order_of(in), {small_strides, ir::strides_of(in.shape(), ir::order_of(in))});
  const std::int64_t sums = out.shape().elements_per_row();
  const std::int64_t in_row = in.shape().elements_per_row();
  const auto add = [=, sum_places = simd().average.add](double* to, const float* from, std::int64_t rows) {
    const std::int64_t n = loop.inner();
    const auto [sy, sx] = loop.inner_steps();
    loop.run_series(rows, [&, sy = sy, sx = sx](const auto& offsets, std::int64_t count, const auto& steps) {
      if (sy == 1 && sx == 1 && steps[0] == 0) {  // places of n channels
        return sum_places({.columns = count, .column_step = steps[1], .channels = n}, from + offsets[1], to + offsets[0]);
      }
      for (std::int64_t run = 0; run < count; ++run) {
        const float* x = from + offsets[1] + run * steps[1];
        double* sum = to + offsets[0] + run * steps[0];
        if (sy == 0) {
          *sum += sum_of(x, n, sx);
        } else {
          for (std::int64_t i = 0; i < n; ++i) sum[i * sy] += static_cast<double>(x[i * sx]);
        }
      }
    });
  };
  const auto x = emit.in(0);
  const auto scratch = emit.scratch(sums * static_cast<std::int64_t>(sizeof(double)), true);
  const auto finish = [=](float* to, const double* from, std::int64_t total_rows) {
    const double divisor = count.at(total_rows);
    for (std::int64_t i = 0; i < sums; ++i) to[i] = static_cast<float>(from[i] / divisor);
  };
  if (out.is_batched()) {
    const auto y = emit.out();
    return emit.rows(
        [=](const Lane& lane) {
          auto* acc = scratch.own<double>(lane);
          for (std::int64_t row = 0; row < lane.rows; ++row) {
            std::fill(acc, acc + sums, 0.0);
            add(acc, x.rows(lane) + row * in_row, 1);
            finish(y.rows(lane) + row * sums, acc, lane.total_rows);
          }
        },
        {plan::writes(scratch, Access::own)});
  }
  if (!in.is_batched()) {
    const auto y = emit.out();
    return emit.single(
        [=](const Lane& lane) {
          auto* acc = scratch.own<double>(lane);
          std::fill(acc, acc + sums, 0.0);
          add(acc, x.all(lane), 1);
          finish(y.all(lane), acc, lane.total_rows);
        },
        {plan::writes(scratch, Access::own)});
  }
  const auto y = emit.partial_out();
  emit.summed_rows(
      [=](const Lane& lane) {
        auto* acc = scratch.own<double>(lane);
        if (lane.is_first) std::fill(acc, acc + sums, 0.0);
        add(acc, x.rows(lane), lane.rows);
        if (lane.is_last) finish(y.own(lane), acc, lane.total_rows);
      },
      {plan::writes(y, Access::own), plan::writes(scratch, Access::own)});
}

void reduce_over_axes(Emitter& emit, bool mean) {
  const ir::Node& node = emit.node();
  const Shape& x = node.input_shape(0);
  const auto reduced = reduced_axes(node, x);
  reduce(emit, strides_along(*node.output(), x, reduced, node.integer("keepdims") != 0), mean ? count_of(x, reduced) : Count());
}

void reduce_sum(Emitter& emit) { reduce_over_axes(emit, false); }
void reduce_mean(Emitter& emit) { reduce_over_axes(emit, true); }
void sum_to(Emitter& emit) { reduce(emit, broadcast_strides(*emit.node().output(), emit.node().input_shape(0)), Count()); }

void spread(Emitter& emit, bool mean) {
  const ir::Node& node = emit.node();
  const ir::Value& out = *node.output();
  const auto reduced = reduced_axes(node, out.shape());
  const Count count = mean ? count_of(out.shape(), reduced) : Count();
  const StridedLoop<2> loop(
      out.shape(), ir::order_of(out),
      {ir::strides_of(out.shape(), ir::order_of(out)), strides_along(*node.input(0), out.shape(), reduced, node.integer("keepdims") != 0)});
  const auto body = [=, multiply = body_of(simd().binary, "Mul").run](float* to, const float* from, std::int64_t rows,
                                                                      std::int64_t total_rows) {
    const auto scale = static_cast<float>(1.0 / count.at(total_rows));
    loop.run_series(rows, [&](const auto& offsets, std::int64_t runs, const auto& steps) {
      multiply({.a = from + offsets[1],
                .b = &scale,
                .c = to + offsets[0],
                .n = loop.inner(),
                .a_step = loop.inner_steps()[1],
                .b_step = 0,
                .runs = runs,
                .a_run = steps[1],
                .b_run = 0,
                .c_run = steps[0]});
    });
  };
  const auto dy = emit.in(0), dx = emit.out();
  if (!out.is_batched()) {
    return emit.single([=](const Lane& lane) { body(dx.all(lane), dy.all(lane), 1, lane.total_rows); }, {});
  }
  const bool dy_batched = node.input(0)->is_batched();
  emit.rows([=](const Lane& lane) { body(dx.rows(lane), dy_batched ? dy.rows(lane) : dy.all(lane), lane.rows, lane.total_rows); });
}

void reduce_sum_grad(Emitter& emit) { spread(emit, false); }
void reduce_mean_grad(Emitter& emit) { spread(emit, true); }

}  // namespace

Kernels reduce_kernels() {
  return {{"ReduceSum", "reduce", nullptr, reduce_sum},
          {"ReduceMean", "reduce", nullptr, reduce_mean},
          {"SumTo", "reduce", nullptr, sum_to},
          {"ReduceSumGrad", "spread", nullptr, reduce_sum_grad},
          {"ReduceMeanGrad", "spread", nullptr, reduce_mean_grad}};
}

}  // namespace n2d2::cpu
