// Decides how every value lies in memory, and adds Reorder nodes where a node needs it otherwise.
#pragma once
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Rank-4 activations of convolutions, pools and batch normalisations become channels-last; elementwise nodes follow their
/// first input; Transpose never moves memory, its output just names the axes of the same bytes anew.
/// The batch axis is slowest in every activation.
void assign_layout(ir::Graph& graph);

}  // namespace n2d2::cpu
