// Dropout and its gradient. Element i of a tensor, counted row-major along its logical axes, takes number i of the node's sequence,
// so that neither memory order nor lanes nor the batch size of other runs change a mask.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/strided_loop.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

std::vector<int> logical_order(const ir::Value& value) {
  std::vector<int> order(static_cast<std::size_t>(value.rank()));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

/// What the kept elements are multiplied by.
float scale_of(const ir::Node& node) {
  const double ratio = node.number("ratio");
  return ratio < 1.0 ? static_cast<float>(1.0 / (1.0 - ratio)) : 0.0F;
}

/// Numbers below are dropped.
std::uint32_t threshold_of(double ratio) {
  const double most = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(most, std::round(ratio * 4294967296.0)));
}

RandomSequence sequence_of(const Lane& lane, std::uint32_t node, std::uint32_t threshold) {
  const std::uint64_t key = lane.arguments->random_key;
  return {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}, node, threshold};
}

/// Of a tensor whose elements lie in memory as they are counted.
void drop_in_order(Emitter& emit) {
  const ir::Node& node = emit.node();
  const std::int64_t per_row = node.output_shape().elements_per_row();
  const auto x = emit.in(0), y = emit.out(0), mask = emit.out(1);
  emit.rows([=, scale = scale_of(node), id = static_cast<std::uint32_t>(node.output()->id),
             threshold = threshold_of(node.number("ratio"))](const Lane& lane) {
    auto* kept = mask.rows<std::uint8_t>(lane);
    const std::int64_t count = lane.rows * per_row;
    simd().random_kept(sequence_of(lane, id, threshold), static_cast<std::uint64_t>(lane.row0 * per_row), count, kept);
    simd().scale_kept(kept, x.rows(lane), scale, y.rows(lane), count);
  });
}

/// Of any other: draws a row in the order of counting, then picks.
void drop_strided(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& value = *node.output();
  const StridedLoop<2> loop(value.shape(), ir::order_of(value),
                            {ir::strides_of(value.shape(), ir::order_of(value)), ir::strides_of(value.shape(), logical_order(value))});
  const std::int64_t per_row = value.shape().elements_per_row();
  const auto x = emit.in(0), y = emit.out(0), mask = emit.out(1), scratch = emit.scratch(per_row);
  emit.rows(
      [=, scale = scale_of(node), id = static_cast<std::uint32_t>(value.id),
       threshold = threshold_of(node.number("ratio"))](const Lane& lane) {
        auto* drawn = scratch.own<std::uint8_t>(lane);
        const auto [step, logical_step] = loop.inner_steps();
        for (std::int64_t row = 0; row < lane.rows; ++row) {
          auto* kept = mask.rows<std::uint8_t>(lane) + row * per_row;
          simd().random_kept(sequence_of(lane, id, threshold), static_cast<std::uint64_t>((lane.row0 + row) * per_row), per_row, drawn);
          loop.run(1, [&, step = step, logical_step = logical_step](const auto& offsets) {
            for (std::int64_t i = 0; i < loop.inner(); ++i) kept[offsets[0] + i * step] = drawn[offsets[1] + i * logical_step];
          });
          simd().scale_kept(kept, x.rows(lane) + row * per_row, scale, y.rows(lane) + row * per_row, per_row);
        }
      },
      {plan::writes(scratch, plan::Access::own)});
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
  const ir::Value& value = *emit.node().output();
  if (!drops) return pass(emit);
  ir::same_memory(value, ir::order_of(value), logical_order(value)) ? drop_in_order(emit) : drop_strided(emit);
}

void dropout_grad(Emitter& emit) {
  const std::int64_t per_row = emit.node().output_shape().elements_per_row();
  const auto dy = emit.in(0), mask = emit.in(1), dx = emit.out();
  emit.rows([=, scale = scale_of(emit.node())](const Lane& lane) {
    simd().scale_kept(mask.rows<std::uint8_t>(lane), dy.rows(lane), scale, dx.rows(lane), lane.rows * per_row);
  });
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels dropout_kernels() {
  return {{"Dropout", "philox", refuses_unbatched, dropout}, {"DropoutGrad", "mask", refuses_unbatched, dropout_grad}};
}

}  // namespace n2d2::cpu
