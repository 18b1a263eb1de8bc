// BatchNormalization and its gradient, channels innermost. Each lane sums its rows in double; lane 0 adds the lanes up in order.
#include <algorithm>
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

struct Geometry {
  std::int64_t channels = 0;
  std::int64_t places = 1;  ///< per row of the batch

  explicit Geometry(const Shape& x) : channels(x[1].size), places(x.elements_per_row() / x[1].size) {}
  std::int64_t floats() const { return channels * places; }
};

/// Two sums per channel, for every lane.
struct Sums {
  Operand scratch;
  std::int64_t channels;

  Sums(Emitter& emit, std::int64_t n) : scratch(emit.scratch(2 * n * static_cast<std::int64_t>(sizeof(double)))), channels(n) {}
  double* cleared(const Lane& lane) const {
    auto* sums = scratch.own<double>(lane);
    std::fill(sums, sums + 2 * channels, 0.0);
    return sums;
  }
  /// Sum `which` (0 or 1) of channel `c` over all lanes.
  double total(int which, std::int64_t c, const Lane& lane) const {
    double sum = 0;
    for (int index = 0; index < lane.count; ++index) sum += scratch.copy_of<double>(index, lane)[which * channels + c];
    return sum;
  }
};

void emit_batch_statistics(Emitter& emit, const Geometry& g) {
  const ir::Node& node = emit.node();
  const double epsilon = node.number("epsilon"), momentum = node.number("momentum");
  const bool unbiased = node.integer("unbiased_variance") != 0;
  const auto x = emit.in(0), running_mean = emit.in(3), running_var = emit.in(4), mean = emit.out(1), inv_std = emit.out(2);
  const Sums sums(emit, g.channels);
  emit.step({plan::reads(x, Access::rows), plan::writes(sums.scratch, Access::own)}, [=](const Lane& lane) {
    double* first = sums.cleared(lane);
    double* second = first + g.channels;
    const float* in = x.rows(lane);
    for (std::int64_t place = 0; place < lane.rows * g.places; ++place, in += g.channels) {
      for (std::int64_t c = 0; c < g.channels; ++c) {
        const auto value = static_cast<double>(in[c]);
        first[c] += value;
        second[c] += value * value;
      }
    }
  });
  emit.step({plan::reads(sums.scratch, Access::all), plan::writes(mean, Access::features), plan::writes(inv_std, Access::features),
             plan::writes(running_mean, Access::features), plan::writes(running_var, Access::features)},
            [=](const Lane& lane) {
              const auto range = plan::slice_of(g.channels, lane, 16);
              const auto count = static_cast<double>(lane.total_rows * g.places);
              for (std::int64_t c = range.begin; c < range.end; ++c) {
                const double m = sums.total(0, c, lane) / count;
                double var = sums.total(1, c, lane) / count - m * m;
                var = var < 0.0 ? 0.0 : var;  // NaN stays
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

void batch_normalization(Emitter& emit) {
  const Geometry g(emit.node().input_shape(0));
  if (emit.node().integer("training_mode") != 0) {
    emit_batch_statistics(emit, g);
  } else {
    emit_running_statistics(emit, g);
  }
  const auto x = emit.in(0), scale = emit.in(1), shift = emit.in(2), y = emit.out(0), mean = emit.out(1), inv_std = emit.out(2);
  emit.step({plan::reads(x, Access::rows), plan::reads(scale, Access::all), plan::reads(shift, Access::all), plan::reads(mean, Access::all),
             plan::reads(inv_std, Access::all), plan::writes(y, Access::rows)},
            [=](const Lane& lane) {
              const float *m = mean.all(lane), *r = inv_std.all(lane), *s = scale.all(lane), *b = shift.all(lane);
              const float* in = x.rows(lane);
              float* __restrict out = y.rows(lane);
              for (std::int64_t place = 0; place < lane.rows * g.places; ++place, in += g.channels, out += g.channels) {
                for (std::int64_t c = 0; c < g.channels; ++c) out[c] = (in[c] - m[c]) * (r[c] * s[c]) + b[c];
              }
            });
}

void batch_normalization_grad(Emitter& emit) {
  const Geometry g(emit.node().input_shape(1));
  const bool training = emit.node().integer("training_mode") != 0;
  const auto dy = emit.in(0), x = emit.in(1), scale = emit.in(2), mean = emit.in(3), inv_std = emit.in(4);
  const auto dx = emit.out(0), dscale = emit.out(1), dshift = emit.out(2);
  const Sums sums(emit, g.channels);
  emit.step({plan::reads(dy, Access::rows), plan::reads(x, Access::rows), plan::reads(mean, Access::all), plan::reads(inv_std, Access::all),
             plan::writes(sums.scratch, Access::own)},
            [=](const Lane& lane) {
              double* plain = sums.cleared(lane);
              double* weighted = plain + g.channels;
              const float *m = mean.all(lane), *r = inv_std.all(lane);
              const float *gradient = dy.rows(lane), *in = x.rows(lane);
              for (std::int64_t place = 0; place < lane.rows * g.places; ++place, in += g.channels, gradient += g.channels) {
                for (std::int64_t c = 0; c < g.channels; ++c) {
                  plain[c] += static_cast<double>(gradient[c]);
                  weighted[c] += static_cast<double>(gradient[c] * ((in[c] - m[c]) * r[c]));
                }
              }
            });
  emit.step({plan::reads(sums.scratch, Access::all), plan::writes(dscale, Access::features), plan::writes(dshift, Access::features)},
            [=](const Lane& lane) {
              const auto range = plan::slice_of(g.channels, lane, 16);
              for (std::int64_t c = range.begin; c < range.end; ++c) {
                dshift.all(lane)[c] = static_cast<float>(sums.total(0, c, lane));
                dscale.all(lane)[c] = static_cast<float>(sums.total(1, c, lane));
              }
            });
  emit.step({plan::reads(dy, Access::rows), plan::reads(x, Access::rows), plan::reads(scale, Access::all), plan::reads(mean, Access::all),
             plan::reads(inv_std, Access::all), plan::reads(dscale, Access::all), plan::reads(dshift, Access::all),
             plan::writes(dx, Access::rows)},
            [=](const Lane& lane) {
              const float *m = mean.all(lane), *r = inv_std.all(lane), *s = scale.all(lane);
              const float *weighted = dscale.all(lane), *plain = dshift.all(lane);
              const float *gradient = dy.rows(lane), *in = x.rows(lane);
              float* __restrict out = dx.rows(lane);
              const float share = training ? 1.0F / static_cast<float>(lane.total_rows * g.places) : 0.0F;
              for (std::int64_t place = 0; place < lane.rows * g.places;
                   ++place, in += g.channels, gradient += g.channels, out += g.channels) {
                for (std::int64_t c = 0; c < g.channels; ++c) {
                  const float normalised = (in[c] - m[c]) * r[c];
                  out[c] = s[c] * r[c] * (gradient[c] - (training ? (plain[c] + normalised * weighted[c]) * share : 0.0F));
                }
              }
            });
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels batch_normalization_kernels() {
  return {{"BatchNormalization", "batch_normalization", refuses_unbatched, batch_normalization},
          {"BatchNormalizationGrad", "batch_normalization_grad", refuses_unbatched, batch_normalization_grad}};
}

}  // namespace n2d2::cpu
