// LayerNormalization, RMSNormalization and their gradients on row-major activations.
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/row_sum.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// Numbers that are normalised together, and how often per row of the batch.
struct Geometry {
  std::int64_t count = 1, times = 1;

  explicit Geometry(const ir::Node& node) {
    const Shape& x = node.output_shape(0);
    for (int i = normalized_axis(node.integer("axis"), x.rank(), "axis"); i < x.rank(); ++i) count *= x[i].size;
    times = x.elements_per_row() / count;
  }
};

void forward(Emitter& emit, bool centred) {
  const Geometry g(emit.node());
  const auto x = emit.in(0), scale = emit.in(1), bias = emit.in(2), y = emit.out(0), mean = centred ? emit.out(1) : Operand();
  const auto inv_std = emit.out(centred ? 2 : 1);
  const LayerNormTask task{.count = g.count, .centred = centred, .epsilon = emit.node().number("epsilon")};
  emit.rows([=, body = simd().layer_norm.forward](const Lane& lane) {
    LayerNormTask t = task;
    t.rows = lane.rows * g.times;
    t.x = x.rows(lane);
    if (scale) t.scale = scale.all(lane);
    if (bias) t.bias = bias.all(lane);
    if (mean) t.mean = mean.rows(lane);
    t.inv_std = inv_std.rows(lane);
    t.to = y.rows(lane);
    body(t);
  });
}

void gradient(Emitter& emit, bool centred) {
  const Geometry g(emit.node());
  const auto dy = emit.in(0), x = emit.in(1), mean = centred ? emit.in(2) : Operand(), inv_std = emit.in(centred ? 3 : 2);
  const auto scale = emit.in(centred ? 4 : 3), dx = emit.out(0);
  const LayerNormTask task{.count = g.count, .centred = centred};
  std::vector<plan::Use> uses;
  const RowSum dscale(emit, 1, uses), dbias(emit, 2, uses);
  emit.summed_rows(
      [=, body = simd().layer_norm.gradient](const Lane& lane) {
        LayerNormTask t = task;
        t.rows = lane.rows * g.times;
        t.x = x.rows(lane);
        t.dy = dy.rows(lane);
        if (scale) t.scale = scale.all(lane);
        if (mean) t.mean = mean.rows(lane);
        t.inv_std = inv_std.rows(lane);
        t.to = dx.rows(lane);
        t.scale_sums = dscale.at(lane);
        t.sums = dbias.at(lane);
        body(t);
        dscale.finish(lane);
        dbias.finish(lane);
      },
      uses);
}

std::string refuses(const ir::Node& node) {
  if (!node.output()->is_batched()) return "the tensor has no batch axis";
  for (const ir::Value* input : node.inputs()) {
    if (input != nullptr && !ir::is_row_major(*input)) return "every input must be row-major";
  }
  return {};
}

}  // namespace

Kernels layer_normalization_kernels() {
  return {{"LayerNormalization", "layer_normalization", refuses, [](Emitter& emit) { forward(emit, true); }},
          {"LayerNormalizationGrad", "layer_normalization_grad", refuses, [](Emitter& emit) { gradient(emit, true); }},
          {"RMSNormalization", "rms_normalization", refuses, [](Emitter& emit) { forward(emit, false); }},
          {"RMSNormalizationGrad", "rms_normalization_grad", refuses, [](Emitter& emit) { gradient(emit, false); }}};
}

}  // namespace n2d2::cpu
