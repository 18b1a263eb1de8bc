// Sums over the batch come as one partial sum per lane; this pass adds the node that sums them where they are read.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Puts a LaneSum behind every output that is a sum over the rows of the batch and that anything but AccumulateGradient (which sums by
/// itself) reads.
void add_lane_sums(ir::Graph& graph);

}  // namespace n2d2::passes
