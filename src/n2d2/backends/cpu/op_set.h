// Operators that only this backend knows; its passes make them out of general ones.
#pragma once
#include "n2d2/ir/op_def.h"

namespace n2d2::cpu {

/// The general operators and, in domain "n2d2.cpu", the fused ones.
const ir::OpSet& op_set();

}  // namespace n2d2::cpu
