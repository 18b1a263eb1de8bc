// Dropout, AlphaDropout and their gradients.
#include <algorithm>
#include <cmath>
#include <limits>

#include "n2d2/backends/cpu/kernels/drawn.h"
#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

KeptScale scale_of(const ir::Node& node) {
  const double ratio = node.number("ratio");
  if (!node.op().name.starts_with("Alpha")) return {.scale = ratio < 1.0 ? static_cast<float>(1.0 / (1.0 - ratio)) : 0.0F};
  // What is dropped becomes the limit of Selu at minus infinity; then mean 0 and variance 1 are restored. Source: Klambauer et al. 2017.
  constexpr double kLimit = -1.7580993408473766;
  const double scale = ratio < 1.0 ? 1.0 / std::sqrt((1.0 - ratio) * (1.0 + ratio * kLimit * kLimit)) : 0.0;
  const double shift = -scale * kLimit * ratio;
  return {static_cast<float>(scale), static_cast<float>(shift), static_cast<float>(scale * kLimit + shift)};
}

/// Of numbers of 16 bits: those below are dropped, so that the ratio is met to 2^-17.
std::uint32_t threshold_of(double ratio) {
  const double most = std::numeric_limits<std::uint16_t>::max();
  return static_cast<std::uint32_t>(std::min(most, std::round(ratio * 65536.0)));
}

void drop(Emitter& emit) {
  const ir::Node& node = emit.node();
  const std::int64_t per_row = node.output_shape().elements_per_row();
  const Drawn drawn(*node.output(), node.integers("shared_axes"));
  const auto x = emit.in(0), y = emit.out(0), mask = emit.out(1), scratch = emit.scratch(drawn.scratch_bytes(1));
  emit.rows(
      [=, scale = scale_of(node), threshold = threshold_of(node.number("ratio"))](const Lane& lane) {
        auto* kept = mask.rows<std::uint8_t>(lane);
        drawn.fill(lane, scratch.own<std::uint8_t>(lane), kept, [&](std::uint64_t first, std::int64_t count, std::uint8_t* to) {
          simd().random_kept(drawn.sequence(lane, threshold), first, count, to);
        });
        simd().scale_kept(kept, x.rows(lane), scale, y.rows(lane), lane.rows * per_row);
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
  drops ? drop(emit) : pass(emit);
}

void dropout_grad(Emitter& emit) {
  const std::int64_t per_row = emit.node().output_shape().elements_per_row();
  const auto dy = emit.in(0), mask = emit.in(1), dx = emit.out();
  emit.rows([=, scale = KeptScale{.scale = scale_of(emit.node()).scale}](const Lane& lane) {
    simd().scale_kept(mask.rows<std::uint8_t>(lane), dy.rows(lane), scale, dx.rows(lane), lane.rows * per_row);
  });
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels dropout_kernels() {
  return {{"Dropout", "philox", refuses_unbatched, dropout},
          {"DropoutGrad", "mask", refuses_unbatched, dropout_grad},
          {"AlphaDropout", "philox", refuses_unbatched, dropout},
          {"AlphaDropoutGrad", "mask", refuses_unbatched, dropout_grad}};
}

}  // namespace n2d2::cpu
