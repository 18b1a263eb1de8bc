// What dropout left is computed again in the backward half instead of kept.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Nodes of the backward half that read the output of a Dropout read a copy made there, from its input and mask, when the backward half
/// keeps that input anyway (itself, or what Flatten or Reshape made it of). The same bits, and one activation less to keep.
void recompute_dropout(ir::Graph& graph);

}  // namespace n2d2::passes
