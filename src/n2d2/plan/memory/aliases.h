// Nodes that only give other names to the same bytes: they share storage and run no kernel.
#pragma once
#include <unordered_map>

#include "n2d2/ir/graph.h"

namespace n2d2::plan {

/// Whether the output of the node can be the bytes of its first input: Reshape, Flatten, Transpose and Reorder that
/// move no element.
bool is_alias(const ir::Node& node);

}  // namespace n2d2::plan
