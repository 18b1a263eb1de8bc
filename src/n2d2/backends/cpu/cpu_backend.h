// The CPU backend as the planner sees it.
#pragma once
#include "n2d2/plan/backend.h"

namespace n2d2::cpu {

const plan::Backend& cpu_backend();
/// oneDNN primitives made since the start of the process; tests show by it that no step makes one.
std::int64_t primitives_created();

}  // namespace n2d2::cpu
