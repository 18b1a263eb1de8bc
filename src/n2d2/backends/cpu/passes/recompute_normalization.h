// Backward computes normalised activations again instead of keeping them.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Where weight gradients of convolutions, or a Dropout computed again, are all that reads the output of a BatchNormalization in the
/// backward half, they get it anew from the input, which the gradient of the normalisation reads anyway: chunk by chunk in the cache, so
/// that the output is neither written to memory in the forward half nor read from there.
void recompute_normalization(ir::Graph& graph);

}  // namespace n2d2::cpu
