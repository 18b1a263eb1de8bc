// What an operator's expansion gets: its node, and a way to write other nodes in its place.
#pragma once
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::ir {

/// Usage, in ops/global_average_pool.cpp:  e.set(0, e.make("AveragePool", {e.input(0)}, attributes));
/// Where nothing is set the node stays as it is.
class ExpandContext {
 public:
  ExpandContext(Graph& graph, Node& node) : graph_(graph), node_(node), results_(node.outputs().size(), nullptr) {}

  const Node& node() const { return node_; }
  Value* input(std::size_t i) const { return node_.input(i); }
  /// Whether anybody reads output `i`; others need not be set.
  bool is_read(std::size_t i) const;
  /// Whoever reads output `i` reads `value` from now on; it must have the output's type.
  void set(std::size_t i, Value* value) { results_.at(i) = value; }
  const std::vector<Value*>& results() const { return results_; }

  /// Adds a node in front of this one and returns its first output.
  Value* make(const std::string& op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return make_node(op, std::move(inputs), std::move(attributes)).output(0);
  }
  Node& make_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes = {});
  Value* scalar(float number) { return graph_.add_scalar(number); }

 private:
  Graph& graph_;
  Node& node_;
  std::vector<Value*> results_;
};

}  // namespace n2d2::ir
