// Where values lie: which region, at which offset, sharing bytes with values that are not alive at the same time.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "n2d2/plan/memory/storage.h"
#include "n2d2/plan/planned_step.h"

namespace n2d2::plan {

/// Bytes of each region the plan has to provide.
struct RegionSizes {
  std::int64_t local = 0;  ///< per lane
  std::int64_t shared = 0;
  std::int64_t saved_local = 0;   ///< per lane and pending forward
  std::int64_t saved_shared = 0;  ///< per pending forward
  std::int64_t packed = 0;
  std::int64_t packed_own = 0;  ///< per lane
};

struct MemoryPlanInput {
  std::deque<Storage>& storages;
  const std::vector<PlannedStep>& forward;
  const std::vector<PlannedStep>& backward;
  std::int64_t capacity = 0;
  int lanes = 1;
};

/// Gives every storage that has no region yet a region and an offset.
RegionSizes plan_memory(const MemoryPlanInput& input);

}  // namespace n2d2::plan
