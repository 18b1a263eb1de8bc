// Which steps a lane takes its rows through together, and how many rows at once.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/plan/planned_step.h"

namespace n2d2::plan {

/// Of activations that a loop may touch: in step form as much as the second-level cache of one core holds; in split form, whose memory
/// counts twice since what backward needs is kept beside it, half of that.
constexpr std::int64_t kStepChunkBytes = 1024 * 1024, kSplitChunkBytes = 512 * 1024;

/// Numbers the loops of steps whose segments are known, and gives each the rows of a chunk by rule: a power of two, as many as keep what
/// the loop touches within `chunk_bytes`.
void assign_chunks(std::vector<PlannedStep>& steps, std::int64_t lane_capacity, std::int64_t chunk_bytes);

}  // namespace n2d2::plan
