// A convolution and what stands behind it in one kernel: Relu, or a max-pool with or without Relu.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Relu(Conv) becomes ConvRelu; MaxPool(Conv) and MaxPoolRelu(Conv) become ConvMaxPool: where nobody else reads the convolution.
/// Runs after fuse_pool_relu.
void fuse_conv(ir::Graph& graph);

}  // namespace n2d2::cpu
