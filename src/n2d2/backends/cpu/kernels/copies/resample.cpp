// Resample on activations in any order that has the batch first.
#include <memory>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// The taps as the vector body reads them.
struct Resampling {
  std::vector<std::int64_t> offsets, indices;
  std::vector<float> weights;
  ResampleTask task;
  std::int64_t blocks = 1;  ///< per row of the batch, of runs that lie behind each other along the axis

  explicit Resampling(const ir::Node& node)
      : offsets(node.integers("offsets")),
        indices(node.integers("indices")),
        weights(node.numbers("weights").begin(), node.numbers("weights").end()) {
    const ir::Value& x = *node.input(0);
    const int axis = normalized_axis(node.integer("axis"), x.rank(), "axis");
    const auto strides = ir::strides_of(x.shape(), ir::order_of(x));
    task.inputs = x.type.shape[axis].size;
    task.outputs = node.output_shape()[axis].size;
    task.inner = strides[static_cast<std::size_t>(axis)];
    blocks = x.shape().elements_per_row() / (task.inputs * task.inner);
    task.offsets = offsets.data();
    task.indices = indices.data();
    task.weights = weights.data();
  }
};

void prepare(Emitter& emit) {
  const auto r = std::make_shared<const Resampling>(emit.node());
  const auto x = emit.in(0), y = emit.out();
  const auto body = simd().resample;
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(r->task, r->blocks, x.all(lane), y.all(lane)); }, {});
  }
  emit.rows([=](const Lane& lane) { body(r->task, lane.rows * r->blocks, x.rows(lane), y.rows(lane)); });
}

std::string refuses(const ir::Node& node) {
  const auto x = ir::order_of(*node.input(0)), y = ir::order_of(*node.output());
  const bool has_batch_first = !node.output()->is_batched() || node.output()->type.shape[y.front()].per_row;
  return x == y && has_batch_first ? "" : "input and output must lie in one order, the batch first";
}

}  // namespace

Kernels resample_kernels() { return {{"Resample", "resample", refuses, prepare}}; }

}  // namespace n2d2::cpu
