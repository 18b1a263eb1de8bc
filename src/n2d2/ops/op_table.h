// The operators of the general graph language.
#pragma once
#include <vector>

#include "n2d2/ir/op_def.h"

namespace n2d2::ops {

/// The records, for a backend that adds operators of its own.
std::vector<ir::OpDef> definitions();
const ir::OpSet& op_set();

}  // namespace n2d2::ops
