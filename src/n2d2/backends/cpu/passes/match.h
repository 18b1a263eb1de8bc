// Questions that patterns ask of a graph.
#pragma once
#include <algorithm>
#include <string_view>
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Whether `reader` is the only one that reads the value, which is no output of the graph.
inline bool only_reader(const ir::Graph& graph, const ir::Value* value, const ir::Node& reader) {
  const auto readers = graph.consumers(value);
  const auto& outputs = graph.outputs();
  return readers.size() == 1 && readers.front() == &reader && std::find(outputs.begin(), outputs.end(), value) == outputs.end();
}

/// The nodes of that operator; the list survives rewriting as long as each is erased only in its own turn.
inline std::vector<ir::Node*> nodes_of(const ir::Graph& graph, std::string_view op) {
  std::vector<ir::Node*> found;
  for (const auto& node : graph.nodes()) {
    if (node->op().name == op) found.push_back(node.get());
  }
  return found;
}

/// The node that makes the value, if it is of that operator.
inline ir::Node* producer(const ir::Value* value, std::string_view op) {
  ir::Node* node = value->producer;
  return node != nullptr && node->op().name == op ? node : nullptr;
}

}  // namespace n2d2::cpu
