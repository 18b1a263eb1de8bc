// Small graphs that several tests of passes use.
#pragma once
#include "n2d2/ir/graph.h"
#include "n2d2/ops/op_table.h"

namespace n2d2::tests {

using ir::Graph;
using ir::Value;

inline Value* only(ir::Node& node) { return node.output(); }

/// x [N,2,4,4] -> Conv(3 filters 3x3) -> Relu -> MaxPool(2) -> Flatten -> Gemm(4) -> y [N,4].
inline Graph small_convnet() {
  Graph g(ops::op_set());
  Value* x = g.add_input("x", {{Dim::rows(), 2, 4, 4}});
  Value* w = g.add_parameter("w", {{3, 2, 3, 3}});
  Value* b = g.add_parameter("b", {{3}});
  Value* conv = only(g.add_node("Conv", {x, w, b}, {{"pads", std::vector<std::int64_t>{1, 1, 1, 1}}}));
  Value* relu = only(g.add_node("Relu", {conv}));
  const std::vector<std::int64_t> two = {2, 2};
  Value* pool = only(g.add_node("MaxPool", {relu}, {{"kernel_shape", two}, {"strides", two}}));
  Value* flat = only(g.add_node("Flatten", {pool}));
  Value* dense = g.add_parameter("dense", {{12, 4}});
  g.add_output(only(g.add_node("Gemm", {flat, dense})));
  return g;
}

inline int count(const Graph& graph, const std::string& op, ir::Phase phase = ir::Phase::forward) {
  int found = 0;
  for (const auto& node : graph.nodes()) found += node->op().name == op && node->phase() == phase ? 1 : 0;
  return found;
}

inline ir::Node* find(const Graph& graph, const std::string& op) {
  for (const auto& node : graph.nodes()) {
    if (node->op().name == op) return node.get();
  }
  return nullptr;
}

}  // namespace n2d2::tests
