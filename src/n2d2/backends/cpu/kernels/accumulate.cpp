// Where the lanes' partial sums come together.
#include <cstring>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;
using plan::Range;

constexpr std::int64_t kGrain = 16;  // floats: no two lanes write one cache line

/// to = the sum of the lanes' copies (or the one copy), plus what was there when `adds`.
void sum_slice(const Operand& from, bool partial, float* to, bool adds, std::int64_t count, const Lane& lane) {
  const Range range = plan::slice_of(count, lane, kGrain);
  if (range.size() <= 0) return;
  const int copies = partial ? lane.count : 1;
  float* out = to + range.begin;
  for (int index = 0; index < copies; ++index) {
    const float* in = (partial ? from.copy_of(index, lane) : from.all(lane)) + range.begin;
    if (index == 0 && !adds) {
      std::memcpy(out, in, static_cast<std::size_t>(range.size()) * sizeof(float));
    } else {
      simd().accumulate(in, out, range.size());
    }
  }
}

void accumulate_gradient(Emitter& emit) {
  const auto gradient = emit.in(0), buffer = emit.in(1);
  const bool partial = emit.is_partial(0);
  const std::int64_t count = emit.node().input_shape(0).elements_per_row();
  emit.step({plan::reads(gradient, Access::all), plan::writes(buffer, Access::features)}, [=](const Lane& lane) {
    if (!lane.arguments->store_gradients) return;
    sum_slice(gradient, partial, buffer.all(lane), lane.arguments->accumulate_gradients, count, lane);
  });
}

void lane_sum(Emitter& emit) {
  const auto x = emit.in(0), y = emit.out();
  const bool partial = emit.is_partial(0);
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  emit.step({plan::reads(x, Access::all), plan::writes(y, Access::features)},
            [=](const Lane& lane) { sum_slice(x, partial, y.all(lane), false, count, lane); });
}

}  // namespace

Kernels accumulate_kernels() {
  return {{"AccumulateGradient", "accumulate", nullptr, accumulate_gradient}, {"LaneSum", "lane_sum", nullptr, lane_sum}};
}

}  // namespace n2d2::cpu
