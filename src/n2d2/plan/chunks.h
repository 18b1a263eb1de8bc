// Which steps a lane takes its rows through together, and how many rows at once.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/plan/planned_step.h"

namespace n2d2::plan {

/// Numbers the loops of steps whose segments are known, and gives each the rows of a chunk by rule: a power of two, as many as keep what
/// the loop touches in the cache of a core.
void assign_chunks(std::vector<PlannedStep>& steps, std::int64_t lane_capacity);

}  // namespace n2d2::plan
