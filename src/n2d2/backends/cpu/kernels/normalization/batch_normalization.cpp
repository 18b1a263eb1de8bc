// BatchNormalization and its gradient, alone or with the Relu behind it, channels innermost. Two passes over the activations each: one
// sums, one writes. Every lane sums its rows around a mean of its own, so that no digits cancel; the sums come together in double.
#include <algorithm>
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/normalization/batch_normalization.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using normalization::Factors;
using normalization::Geometry;
using normalization::LaneSums;
using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

void emit_batch_statistics(Emitter& emit, const Geometry& g) {
  const ir::Node& node = emit.node();
  const double epsilon = node.number("epsilon"), momentum = node.number("momentum");
  const bool unbiased = node.integer("unbiased_variance") != 0;
  const auto x = emit.in(0), running_mean = emit.in(3), running_var = emit.in(4), mean = emit.out(1), inv_std = emit.out(2);
  const LaneSums sums(emit, g);
  emit.step({plan::reads(x, Access::rows), plan::writes(sums.scratch(), Access::own)},
            [=, body = simd().normalize.moments](const Lane& lane) {
              NormalizeTask task{.width = g.width, .floats = g.floats_of(lane), .x = x.rows(lane), .sums = sums.cleared(lane)};
              if (lane.rows > 0) normalization::estimate_means(task.x, lane.rows * g.places, g, sums.means(lane));
              task.mean = sums.means(lane);
              body(task);
              sums.fold(lane);
            });
  emit.step({plan::reads(sums.scratch(), Access::all), plan::writes(mean, Access::features), plan::writes(inv_std, Access::features),
             plan::writes(running_mean, Access::features), plan::writes(running_var, Access::features)},
            [=](const Lane& lane) {
              const auto range = plan::slice_of(g.channels, lane, 16);
              const auto count = static_cast<double>(lane.total_rows * g.places), places = static_cast<double>(g.places);
              for (std::int64_t c = range.begin; c < range.end; ++c) {
                double m = 0, var = 0;
                for (int i = 0; i < lane.count; ++i) {
                  const double rows = sums.rows_of(i, lane);
                  if (rows > 0) m += sums.of(i, 0, c, lane) + rows * places * sums.mean_of(i, c, lane);
                }
                m /= count;
                for (int i = 0; i < lane.count; ++i) {
                  const double rows = sums.rows_of(i, lane);
                  const double off = m - sums.mean_of(i, c, lane);
                  if (rows > 0) var += sums.of(i, 1, c, lane) + off * (rows * places * off - 2.0 * sums.of(i, 0, c, lane));
                }
                var = var < 0.0 ? 0.0 : var / count;  // NaN stays
                mean.all(lane)[c] = static_cast<float>(m);
                inv_std.all(lane)[c] = static_cast<float>(1.0 / std::sqrt(var + epsilon));
                const double kept = unbiased ? var * count / (count - 1.0) : var;
                float& old_mean = running_mean.all(lane)[c];
                float& old_var = running_var.all(lane)[c];
                old_mean = static_cast<float>(momentum * static_cast<double>(old_mean) + (1.0 - momentum) * m);
                old_var = static_cast<float>(momentum * static_cast<double>(old_var) + (1.0 - momentum) * kept);
              }
            });
}

void emit_running_statistics(Emitter& emit, const Geometry& g) {
  const double epsilon = emit.node().number("epsilon");
  const auto running_mean = emit.in(3), running_var = emit.in(4), mean = emit.out(1), inv_std = emit.out(2);
  emit.step({plan::reads(running_mean, Access::all), plan::reads(running_var, Access::all), plan::writes(mean, Access::features),
             plan::writes(inv_std, Access::features)},
            [=](const Lane& lane) {
              const auto range = plan::slice_of(g.channels, lane, 16);
              for (std::int64_t c = range.begin; c < range.end; ++c) {
                mean.all(lane)[c] = running_mean.all(lane)[c];
                inv_std.all(lane)[c] = static_cast<float>(1.0 / std::sqrt(static_cast<double>(running_var.all(lane)[c]) + epsilon));
              }
            });
}

/// Mean, scale = gain / standard deviation, and shift.
void fill_factors(const Factors& factors, NormalizeTask& task, const float* mean, const float* inv_std, const float* gain,
                  const float* shift, const Lane& lane) {
  const auto of = [&](std::int64_t c) { return Factors::Channel{mean[c], inv_std[c] * gain[c], shift == nullptr ? 0.0F : shift[c]}; };
  factors.fill(task, lane, of, lane.is_first);
}

/// y from x and the factors; with `added` that is added in front of the relu.
void emit_output(Emitter& emit, const Geometry& g, const Operand& mean, const Operand& inv_std, bool relu, const Operand& added) {
  const auto x = emit.in(0), gain = emit.in(1), shift = emit.in(2), y = emit.out(0);
  const Factors factors(emit, g);
  std::vector<plan::Use> uses = {plan::reads(x, Access::rows),      plan::reads(gain, Access::all),
                                 plan::reads(shift, Access::all),   plan::reads(mean, Access::all),
                                 plan::reads(inv_std, Access::all), plan::writes(factors.scratch(), Access::own),
                                 plan::writes(y, Access::rows)};
  if (added) uses.push_back(plan::reads(added, Access::rows));
  emit.chunked_step(uses, [=, body = simd().normalize.apply](const Lane& lane) {
    NormalizeTask task{.width = g.width, .floats = g.floats_of(lane), .x = x.rows(lane), .relu = relu, .to = y.rows(lane)};
    if (added) task.added = added.rows(lane);
    fill_factors(factors, task, mean.all(lane), inv_std.all(lane), gain.all(lane), shift.all(lane), lane);
    body(task);
  });
}

/// With `adds` the node reads as input 5 what is added in front of the relu.
void prepare(Emitter& emit, bool relu, bool adds) {
  const Geometry g(emit.node().input_shape(0));
  if (emit.node().integer("training_mode") != 0) {
    emit_batch_statistics(emit, g);
  } else {
    emit_running_statistics(emit, g);
  }
  emit_output(emit, g, emit.out(1), emit.out(2), relu, adds ? emit.in(5) : Operand());
}

/// With `relu` the node reads the shift as input 3, from which the sign of y follows.
void prepare_grad(Emitter& emit, bool relu) {
  const Geometry g(emit.node().input_shape(1));
  const bool training = emit.node().integer("training_mode") != 0;
  const std::size_t saved = relu ? 4 : 3;
  const auto dy = emit.in(0), x = emit.in(1), gain = emit.in(2), mean = emit.in(saved), inv_std = emit.in(saved + 1);
  const auto shift = relu ? emit.in(3) : Operand();
  const auto dx = emit.out(0), dgain = emit.out(1), dshift = emit.out(2);
  const LaneSums sums(emit, g);
  const Factors factors(emit, g);
  const auto task_of = [=](const Lane& lane) {
    NormalizeTask task{.width = g.width, .floats = g.floats_of(lane), .x = x.rows(lane), .dy = dy.rows(lane), .relu = relu};
    fill_factors(factors, task, mean.all(lane), inv_std.all(lane), gain.all(lane), relu ? shift.all(lane) : nullptr, lane);
    return task;
  };
  std::vector<plan::Use> uses = {plan::reads(dy, Access::rows),     plan::reads(x, Access::rows),
                                 plan::reads(gain, Access::all),    plan::reads(mean, Access::all),
                                 plan::reads(inv_std, Access::all), plan::writes(factors.scratch(), Access::own)};
  if (relu) uses.push_back(plan::reads(shift, Access::all));
  std::vector<plan::Use> sum_uses = uses;
  sum_uses.push_back(plan::writes(sums.scratch(), Access::own));
  emit.step(sum_uses, [=, body = simd().normalize.gradient_sums](const Lane& lane) {
    NormalizeTask task = task_of(lane);
    task.sums = sums.cleared(lane);
    body(task);
    sums.fold(lane);
  });
  emit.step({plan::reads(sums.scratch(), Access::all), plan::reads(inv_std, Access::all), plan::writes(dgain, Access::features),
             plan::writes(dshift, Access::features)},
            [=](const Lane& lane) {
              const auto range = plan::slice_of(g.channels, lane, 16);
              for (std::int64_t c = range.begin; c < range.end; ++c) {
                dshift.all(lane)[c] = static_cast<float>(sums.total(0, c, lane));
                dgain.all(lane)[c] = static_cast<float>(sums.total(1, c, lane) * static_cast<double>(inv_std.all(lane)[c]));
              }
            });
  uses.insert(uses.end(), {plan::reads(dgain, Access::all), plan::reads(dshift, Access::all), plan::writes(dx, Access::rows)});
  emit.chunked_step(uses, [=, body = simd().normalize.gradient](const Lane& lane) {
    NormalizeTask task = task_of(lane);
    task.to = dx.rows(lane);
    const float share = training ? 1.0F / static_cast<float>(lane.total_rows * g.places) : 0.0F;
    const float *inverse = inv_std.all(lane), *sum = dshift.all(lane), *weighted = dgain.all(lane);
    // dx = scale * (g - (sum + h * weighted) / count), h = (x - mean) * inv_std
    const auto of = [&](std::int64_t c) {
      if (!(share > 0.0F)) return Factors::Slope{0.0F, 0.0F};
      return Factors::Slope{-task.scale[c] * (inverse[c] * weighted[c] * share), -task.scale[c] * (sum[c] * share)};
    };
    factors.fill_gradient(task, lane, of, lane.is_first);
    body(task);
  });
}

void batch_normalization(Emitter& emit) { prepare(emit, false, false); }
void batch_normalization_relu(Emitter& emit) { prepare(emit, true, false); }
void batch_normalization_add_relu(Emitter& emit) { prepare(emit, true, true); }
void batch_normalization_again(Emitter& emit) {
  emit_output(emit, Geometry(emit.node().input_shape(0)), emit.in(3), emit.in(4), emit.node().integer("relu") != 0, Operand());
}
void batch_normalization_grad(Emitter& emit) { prepare_grad(emit, false); }
void batch_normalization_relu_grad(Emitter& emit) { prepare_grad(emit, true); }

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels batch_normalization_kernels() {
  return {{"BatchNormalization", "batch_normalization", refuses_unbatched, batch_normalization},
          {"BatchNormalizationRelu", "batch_normalization_relu", refuses_unbatched, batch_normalization_relu},
          {"BatchNormalizationAddRelu", "batch_normalization_add_relu", refuses_unbatched, batch_normalization_add_relu},
          {"BatchNormalizationAgain", "batch_normalization_again", refuses_unbatched, batch_normalization_again},
          {"BatchNormalizationGrad", "batch_normalization_grad", refuses_unbatched, batch_normalization_grad},
          {"BatchNormalizationReluGrad", "batch_normalization_relu_grad", refuses_unbatched, batch_normalization_relu_grad}};
}

}  // namespace n2d2::cpu
