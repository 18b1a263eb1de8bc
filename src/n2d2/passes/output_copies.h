// Every output of a graph becomes a row-major value of its own, which the planner binds to the caller's memory.
#pragma once
#include <cstddef>

#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Puts a Reorder to row-major order in front of each output; throws UnsupportedError when its batch axis is not 0.
/// The first `forward_outputs` outputs are given by forward, the others (input gradients) by backward.
/// The planner drops the copy where the value itself can be made in the caller's memory.
void add_output_copies(ir::Graph& graph, std::size_t forward_outputs);

}  // namespace n2d2::passes
