// A parameter's gradient that is summed over rows in double, from chunk to chunk: for Emitter::summed_rows.
#pragma once
#include <algorithm>
#include <vector>

#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

class RowSum {
 public:
  RowSum() = default;
  /// Output `output` of the node becomes a sum over lanes, if there is such an output; what the step uses is added to `uses`.
  RowSum(plan::Emitter& emit, std::size_t output, std::vector<plan::Use>& uses) {
    if (output >= emit.node().outputs().size()) return;
    count_ = emit.node().output_shape(output).elements_per_row();
    to_ = emit.partial_out(output);
    sums_ = emit.scratch(count_ * static_cast<std::int64_t>(sizeof(double)), true);
    uses.insert(uses.end(), {plan::writes(to_, plan::Access::own), plan::writes(sums_, plan::Access::own)});
  }

  /// What the rows of this chunk are added to, or null.
  double* at(const plan::Lane& lane) const {
    if (!to_) return nullptr;
    auto* sums = sums_.own<double>(lane);
    if (lane.is_first) std::fill(sums, sums + count_, 0.0);
    return sums;
  }
  void finish(const plan::Lane& lane) const {
    if (!to_ || !lane.is_last) return;
    const auto* sums = sums_.own<double>(lane);
    std::transform(sums, sums + count_, to_.own(lane), [](double sum) { return static_cast<float>(sum); });
  }

 private:
  plan::Operand to_, sums_;
  std::int64_t count_ = 0;
};

}  // namespace n2d2::cpu
