// Sums over the batch come as one partial sum per lane; this pass adds the node that sums them where they are read.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::passes {

/// Whether the node's unbatched outputs are sums over the rows of the batch, made as a partial sum per lane.
bool sums_over_rows(const ir::Node& node);

/// Puts a LaneSum behind every such output that anything but AccumulateGradient (which sums by itself) reads.
void add_lane_sums(ir::Graph& graph);

}  // namespace n2d2::passes
