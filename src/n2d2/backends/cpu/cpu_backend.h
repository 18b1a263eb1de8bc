// The CPU backend as the planner sees it.
#pragma once
#include "n2d2/plan/backend.h"

namespace n2d2::cpu {

const plan::Backend& cpu_backend();

}  // namespace n2d2::cpu
