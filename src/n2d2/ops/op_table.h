// The operators of the general graph language.
#pragma once
#include "n2d2/ir/op_def.h"

namespace n2d2::ops {

const ir::OpSet& op_set();

}  // namespace n2d2::ops
