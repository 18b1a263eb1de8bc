// Convolutions whose output may have larger rounding errors.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Conv of 3x3 taps at stride 1 becomes ConvNormalized, which takes large tiles (kernels/convolution/winograd_convolution.h), where only
/// BatchNormalization reads it and no MaxPool chooses among what comes of it before the next convolution, product or average. Elsewhere an
/// output that sees nothing but zeros must be exactly the bias, and one that sees the same as its neighbour its equal: the Relu or MaxPool
/// behind would let another gradient through. With large tiles that is so but for rounding.
void find_normalized_convolutions(ir::Graph& graph);

}  // namespace n2d2::cpu
