// MaxPool(Relu(x)) becomes Relu(MaxPool(x)): the same values and gradients, on a quarter of the elements or less.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Relu keeps the order of numbers, so the maximum of a window commutes with it. Where a whole window is not positive the chosen
/// place may differ, but there Relu passes no gradient. Only where nothing else reads the Relu.
void move_pool_before_relu(ir::Graph& graph);

}  // namespace n2d2::passes
