// Operators that are written as others: 1-D windows as 2-D ones with a unit axis, pools in three dimensions as two pools, ...
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Before differentiation: every node whose operator has an expansion that applies is replaced by it, until none is left.
void expand(ir::Graph& graph);

}  // namespace n2d2::passes
