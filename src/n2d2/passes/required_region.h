// Rows and columns that nobody reads are not computed.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// A pool whose stride leaves a rest, or a strided convolution, never reads the last rows or columns of its input. From the outputs
/// backwards, every Conv and MaxPool makes only the `region` that some window reads: exact, and less work in all directions.
void shrink_to_required_region(ir::Graph& graph);

}  // namespace n2d2::passes
