// Dropout and its gradient. Element i of a tensor, counted row-major along its logical axes, takes number i of the node's sequence,
// so that neither memory order nor lanes nor the batch size of other runs change a mask.
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/strided_loop.h"
#include "n2d2/core/philox.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// Draws in blocks of four, keeping the last block.
class Sequence {
 public:
  Sequence(std::uint64_t key, std::uint32_t node)
      : key_{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}, node_(node) {}
  std::uint32_t at(std::uint64_t index) {
    const std::uint64_t block = index / 4;
    if (block != block_) {
      block_ = block;
      numbers_ = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), node_, 0}, key_);
    }
    return numbers_[index % 4];
  }

 private:
  std::array<std::uint32_t, 2> key_;
  std::uint32_t node_;
  std::uint64_t block_ = ~std::uint64_t{0};
  std::array<std::uint32_t, 4> numbers_{};
};

void drop(Emitter& emit) {
  const ir::Value& value = *emit.node().output();
  std::vector<int> logical(static_cast<std::size_t>(value.rank()));
  for (int axis = 0; axis < value.rank(); ++axis) logical[static_cast<std::size_t>(axis)] = axis;
  const StridedLoop<2> loop(value.shape(), ir::order_of(value),
                            {ir::strides_of(value.shape(), ir::order_of(value)), ir::strides_of(value.shape(), logical)});
  const double ratio = emit.node().number("ratio");
  const auto threshold = static_cast<std::uint64_t>(std::llround(ratio * 4294967296.0));  // dropped when the number is below
  const float scale = ratio < 1.0 ? static_cast<float>(1.0 / (1.0 - ratio)) : 0.0F;
  const std::int64_t per_row = value.shape().elements_per_row();
  const auto node = static_cast<std::uint32_t>(value.id);
  const auto x = emit.in(0), y = emit.out(0), mask = emit.out(1);
  emit.rows([=](const Lane& lane) {
    Sequence sequence(lane.arguments->random_key, node);
    const std::int64_t first = lane.row0 * per_row, n = loop.inner();
    const auto [step, logical_step] = loop.inner_steps();
    loop.run(lane.rows, [&, step = step, logical_step = logical_step](const auto& offsets) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t at = offsets[0] + i * step;
        const bool kept = sequence.at(static_cast<std::uint64_t>(first + offsets[1] + i * logical_step)) >= threshold;
        mask.rows<std::uint8_t>(lane)[at] = kept ? 1 : 0;
        y.rows(lane)[at] = kept ? x.rows(lane)[at] * scale : 0.0F;
      }
    });
  });
}

void pass(Emitter& emit) {
  const std::int64_t per_row = emit.node().output_shape().elements_per_row();
  const auto x = emit.in(0), y = emit.out(0), mask = emit.out(1);
  emit.rows([=](const Lane& lane) {
    for (std::int64_t i = 0; i < lane.rows * per_row; ++i) {
      y.rows(lane)[i] = x.rows(lane)[i];
      mask.rows<std::uint8_t>(lane)[i] = 1;
    }
  });
}

void dropout(Emitter& emit) {
  const bool drops = emit.node().integer("training_mode") != 0 && emit.node().number("ratio") > 0.0;
  drops ? drop(emit) : pass(emit);
}

void dropout_grad(Emitter& emit) {
  const double ratio = emit.node().number("ratio");
  const float scale = ratio < 1.0 ? static_cast<float>(1.0 / (1.0 - ratio)) : 0.0F;
  const std::int64_t per_row = emit.node().output_shape().elements_per_row();
  const auto dy = emit.in(0), mask = emit.in(1), dx = emit.out();
  emit.rows([=](const Lane& lane) {
    const float* gradient = dy.rows(lane);
    const std::uint8_t* kept = mask.rows<std::uint8_t>(lane);
    float* out = dx.rows(lane);
    for (std::int64_t i = 0; i < lane.rows * per_row; ++i) out[i] = kept[i] != 0 ? gradient[i] * scale : 0.0F;
  });
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels dropout_kernels() {
  return {{"Dropout", "philox", refuses_unbatched, dropout}, {"DropoutGrad", "mask", refuses_unbatched, dropout_grad}};
}

}  // namespace n2d2::cpu
