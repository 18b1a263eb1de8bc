// A pool and the Relu behind it in one kernel, forward and backward.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Relu(MaxPool(x)) becomes MaxPoolRelu and MaxPoolGrad(ReluGrad(dy, y), argmax) becomes MaxPoolReluGrad, where nobody else reads what
/// stands between. Elsewhere MaxPoolGrad stays and expands plainly.
void fuse_pool_relu(ir::Graph& graph);

}  // namespace n2d2::cpu
