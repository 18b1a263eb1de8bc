// Gradients of convolutions read the gradient of the max-pool behind them as the pool left it.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// ConvGradInput and ConvGradWeight of a MaxPoolGrad or MaxPoolReluGrad become one node with it where that pays: windows that do not
/// meet leave at most one gradient per window, so the dense convolutions would mostly multiply zeros.
void fuse_pool_conv_grad(ir::Graph& graph);

}  // namespace n2d2::cpu
