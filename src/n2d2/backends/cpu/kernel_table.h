// Every kernel of the CPU backend.
#pragma once
#include <vector>

#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// In order of preference: of two kernels for one operator the plain one comes last.
const std::vector<plan::KernelEntry>& kernel_table();

}  // namespace n2d2::cpu
