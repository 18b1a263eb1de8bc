// Sums of elements along one axis, which resizing, padding and uneven pools are made of.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/ir/expand_context.h"

namespace n2d2::ops {

/// Element `index` of the input times `weight`.
struct Tap {
  std::int64_t index = 0;
  double weight = 1.0;
};
/// For each element of the output the taps that it is the sum of.
using Taps = std::vector<std::vector<Tap>>;

/// Whether every element is its own one tap.
bool is_identity(const Taps& taps, std::int64_t extent);
/// A Resample of `value` along `axis`, or `value` itself when that changes nothing.
ir::Value* resampled(ir::ExpandContext& context, ir::Value* value, std::int64_t axis, const Taps& taps);

}  // namespace n2d2::ops
