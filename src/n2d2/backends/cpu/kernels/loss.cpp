// SoftmaxCrossEntropyLoss, MeanSquaredError and their gradients. Each lane sums its rows in double, lane 0 adds the lanes up.
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"

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

/// Scores [multiple * rows, classes].
struct Geometry {
  std::int64_t multiple, classes;
  bool by_class;

  Geometry(const ir::Value& scores, const ir::Value& labels)
      : multiple(scores.shape()[0].size), classes(scores.shape()[1].size), by_class(labels.type.dtype == DType::int64) {}
};

CrossEntropyTask task_of(const Operand& scores, const Operand& labels, const Geometry& g, const Lane& lane) {
  CrossEntropyTask task{.scores = scores.rows(lane), .rows = lane.rows * g.multiple, .classes = g.classes};
  if (g.by_class) {
    task.classes_of = labels.rows<std::int64_t>(lane);
  } else {
    task.targets = labels.rows(lane);
  }
  return task;
}

void cross_entropy(Emitter& emit) {
  const Geometry g(*emit.node().input(0), *emit.node().input(1));
  const auto scores = emit.in(0), labels = emit.in(1);
  const auto sums = emit.scratch(sizeof(double), true);
  emit.chunked_step({plan::reads(scores, Access::rows), plan::reads(labels, Access::rows), plan::writes(sums, Access::own)},
                    [=, body = simd().softmax.cross_entropy](const Lane& lane) {
                      double& total = *sums.own<double>(lane);
                      total = (lane.is_first ? 0 : total) + body(task_of(scores, labels, g, lane));
                    });
  emit_mean(emit, sums, static_cast<double>(g.multiple));
}

void cross_entropy_grad(Emitter& emit) {
  const Geometry g(*emit.node().input(1), *emit.node().input(2));
  const auto gradient = emit.in(0), scores = emit.in(1), labels = emit.in(2), out = emit.out();
  emit.rows([=, body = simd().softmax.cross_entropy_grad](const Lane& lane) {
    CrossEntropyTask task = task_of(scores, labels, g, lane);
    task.scale = static_cast<double>(*gradient.all(lane)) / static_cast<double>(lane.total_rows * g.multiple);
    task.dx = out.rows(lane);
    body(task);
  });
}

void mean_squared_error(Emitter& emit) {
  const std::int64_t count = emit.node().input_shape(0).elements_per_row();
  const auto prediction = emit.in(0), target = emit.in(1);
  const auto sums = emit.scratch(sizeof(double), true);
  emit.chunked_step({plan::reads(prediction, Access::rows), plan::reads(target, Access::rows), plan::writes(sums, Access::own)},
                    [=, body = simd().softmax.squared_error](const Lane& lane) {
                      double& total = *sums.own<double>(lane);
                      total = (lane.is_first ? 0 : total) + body(prediction.rows(lane), target.rows(lane), lane.rows * count);
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
