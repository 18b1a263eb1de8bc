// RandomNormal and GaussianDropout: noise is drawn where it will lie, then joined with x.
#include <cmath>

#include "n2d2/backends/cpu/kernels/drawn.h"
#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// Draws mean + stddev * normal for the lane's rows.
class Noise {
 public:
  Noise(Emitter& emit, double mean, double stddev)
      : drawn_(*emit.node().output(), {}),
        scratch_(emit.scratch(drawn_.scratch_bytes(static_cast<std::int64_t>(sizeof(float))))),
        mean_(static_cast<float>(mean)),
        stddev_(static_cast<float>(stddev)) {}
  void draw(const Lane& lane, float* to) const {
    drawn_.fill(lane, scratch_.own(lane), to, [&](std::uint64_t first, std::int64_t count, float* numbers) {
      simd().random_normal(drawn_.sequence(lane), first, count, mean_, stddev_, numbers);
    });
  }
  std::vector<plan::Use> uses() const { return {plan::writes(scratch_, plan::Access::own)}; }

 private:
  Drawn drawn_;
  plan::Operand scratch_;
  float mean_, stddev_;
};

void random_normal(Emitter& emit) {
  const std::int64_t per_row = emit.node().output_shape().elements_per_row();
  const Noise noise(emit, 0.0, emit.node().number("stddev"));
  const auto x = emit.in(0), y = emit.out();
  emit.rows(
      [=](const Lane& lane) {
        noise.draw(lane, y.rows(lane));
        simd().accumulate(x.rows(lane), y.rows(lane), lane.rows * per_row);
      },
      noise.uses());
}

void gaussian_dropout(Emitter& emit) {
  const ir::Node& node = emit.node();
  const std::int64_t per_row = node.output_shape().elements_per_row();
  const double ratio = node.integer("training_mode") != 0 ? node.number("ratio") : 0.0;
  const Noise noise(emit, 1.0, std::sqrt(ratio / (1.0 - ratio)));
  const auto x = emit.in(0), y = emit.out(0), factor = emit.out(1);
  emit.rows(
      [=](const Lane& lane) {
        noise.draw(lane, factor.rows(lane));
        for (std::int64_t i = 0; i < lane.rows * per_row; ++i) y.rows(lane)[i] = x.rows(lane)[i] * factor.rows(lane)[i];
      },
      noise.uses());
}

std::string refuses_unbatched(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels random_normal_kernels() {
  return {{"RandomNormal", "philox", refuses_unbatched, random_normal}, {"GaussianDropout", "philox", refuses_unbatched, gaussian_dropout}};
}

}  // namespace n2d2::cpu
