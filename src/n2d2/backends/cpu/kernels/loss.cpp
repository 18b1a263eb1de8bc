// SoftmaxCrossEntropyLoss, MeanSquaredError and their gradients. Each lane sums its rows in double, lane 0 adds the lanes up.
#include <algorithm>
#include <cmath>
#include <limits>

#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// Adds the lanes' sums in order and divides by `per_row` times the rows.
void emit_mean(Emitter& emit, const Operand& sums, double per_row) {
  const auto loss = emit.out();
  emit.late(
      [=](const Lane& lane) {
        double total = 0;
        for (int index = 0; index < lane.count; ++index) total += *sums.copy_of<double>(index, lane);
        *loss.all(lane) = static_cast<float>(total / (per_row * static_cast<double>(lane.total_rows)));
      },
      {plan::reads(sums, Access::all), plan::writes(loss, Access::all)});
}

double log_sum_exp(const float* x, std::int64_t n) {
  const float most = *std::max_element(x, x + n);
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += std::exp(static_cast<double>(x[i]) - static_cast<double>(most));
  return std::log(sum) + static_cast<double>(most);
}

double row_loss(const float* x, std::int64_t label, std::int64_t classes) {
  if (label < 0 || label >= classes) return std::numeric_limits<double>::quiet_NaN();
  return log_sum_exp(x, classes) - static_cast<double>(x[label]);
}

double row_loss(const float* x, const float* targets, std::int64_t classes) {
  const double log_sum = log_sum_exp(x, classes);
  double loss = 0;
  for (std::int64_t i = 0; i < classes; ++i) {
    if (targets[i] != 0.0F) loss += static_cast<double>(targets[i]) * (log_sum - static_cast<double>(x[i]));
  }
  return loss;
}

bool has_classes(const ir::Value& labels) { return labels.type.dtype == DType::int64; }

void cross_entropy(Emitter& emit) {
  const std::int64_t classes = emit.node().input_shape(0)[1].size;
  const std::int64_t multiple = emit.node().input_shape(0)[0].size;
  const bool by_class = has_classes(*emit.node().input(1));
  const auto scores = emit.in(0), labels = emit.in(1);
  const auto sums = emit.scratch(sizeof(double), true);
  const auto sum = [=](const Lane& lane) {
    double total = lane.is_first ? 0 : *sums.own<double>(lane);
    for (std::int64_t row = 0; row < lane.rows * multiple; ++row) {
      const float* x = scores.rows(lane) + row * classes;
      total +=
          by_class ? row_loss(x, labels.rows<std::int64_t>(lane)[row], classes) : row_loss(x, labels.rows(lane) + row * classes, classes);
    }
    *sums.own<double>(lane) = total;
  };
  emit.sums_of_rows({plan::reads(scores, Access::rows), plan::reads(labels, Access::rows), plan::writes(sums, Access::own)}, sum);
  emit_mean(emit, sums, static_cast<double>(multiple));
}

void cross_entropy_grad(Emitter& emit) {
  const std::int64_t classes = emit.node().input_shape(1)[1].size;
  const std::int64_t multiple = emit.node().input_shape(1)[0].size;
  const bool by_class = has_classes(*emit.node().input(2));
  const auto gradient = emit.in(0), scores = emit.in(1), labels = emit.in(2), out = emit.out();
  emit.rows([=](const Lane& lane) {
    const double scale = static_cast<double>(*gradient.all(lane)) / static_cast<double>(lane.total_rows * multiple);
    for (std::int64_t row = 0; row < lane.rows * multiple; ++row) {
      const float* x = scores.rows(lane) + row * classes;
      float* dx = out.rows(lane) + row * classes;
      const float* targets = by_class ? nullptr : labels.rows(lane) + row * classes;
      const std::int64_t label = by_class ? labels.rows<std::int64_t>(lane)[row] : -1;
      const double log_sum = log_sum_exp(x, classes);
      double weight = by_class ? 1.0 : 0.0;
      for (std::int64_t i = 0; targets != nullptr && i < classes; ++i) weight += static_cast<double>(targets[i]);
      if (by_class && (label < 0 || label >= classes)) weight = std::numeric_limits<double>::quiet_NaN();
      for (std::int64_t i = 0; i < classes; ++i) {
        const double target = targets != nullptr ? static_cast<double>(targets[i]) : (i == label ? 1.0 : 0.0);
        dx[i] = static_cast<float>(scale * (std::exp(static_cast<double>(x[i]) - log_sum) * weight - target));
      }
    }
  });
}

void mean_squared_error(Emitter& emit) {
  const std::int64_t count = emit.node().input_shape(0).elements_per_row();
  const auto prediction = emit.in(0), target = emit.in(1);
  const auto sums = emit.scratch(sizeof(double), true);
  emit.sums_of_rows({plan::reads(prediction, Access::rows), plan::reads(target, Access::rows), plan::writes(sums, Access::own)},
                    [=](const Lane& lane) {
                      const float* p = prediction.rows(lane);
                      const float* t = target.rows(lane);
                      double total = lane.is_first ? 0 : *sums.own<double>(lane);
                      for (std::int64_t i = 0; i < lane.rows * count; ++i) {
                        const double error = static_cast<double>(p[i]) - static_cast<double>(t[i]);
                        total += error * error;
                      }
                      *sums.own<double>(lane) = total;
                    });
  emit_mean(emit, sums, static_cast<double>(count));
}

void mean_squared_error_grad(Emitter& emit) {
  const std::int64_t count = emit.node().input_shape(1).elements_per_row();
  const auto gradient = emit.in(0), prediction = emit.in(1), target = emit.in(2), out = emit.out();
  emit.rows([=](const Lane& lane) {
    const auto scale = static_cast<float>(2.0 * static_cast<double>(*gradient.all(lane)) / static_cast<double>(lane.total_rows * count));
    const float* p = prediction.rows(lane);
    const float* t = target.rows(lane);
    float* dx = out.rows(lane);
    for (std::int64_t i = 0; i < lane.rows * count; ++i) dx[i] = scale * (p[i] - t[i]);
  });
}

std::string refuses_unbatched(const ir::Node& node) {
  for (const ir::Value* input : node.inputs()) {
    if (input->rank() > 0 && !input->is_batched()) return "an input has no batch axis";
  }
  return "";
}

}  // namespace

Kernels loss_kernels() {
  return {{"SoftmaxCrossEntropyLoss", "cross_entropy", refuses_unbatched, cross_entropy},
          {"SoftmaxCrossEntropyLossGrad", "cross_entropy_grad", refuses_unbatched, cross_entropy_grad},
          {"MeanSquaredError", "mean_squared_error", refuses_unbatched, mean_squared_error},
          {"MeanSquaredErrorGrad", "mean_squared_error_grad", refuses_unbatched, mean_squared_error_grad}};
}

}  // namespace n2d2::cpu
