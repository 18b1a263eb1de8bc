// What dropout left is computed again in the backward half instead of kept.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Nodes of the backward half that read the output of a Dropout read a copy made there, from its input and mask, when the backward half
/// keeps that input anyway (itself, or what Flatten or Reshape made it of). The same bits, and one activation less to keep.
/// `behind_statistics_only`: where the input is a BatchNormalization in training, with Relu or not; elsewhere the step form does not keep
/// the activation for long.
void recompute_dropout(ir::Graph& graph, bool behind_statistics_only = false);

}  // namespace n2d2::passes
