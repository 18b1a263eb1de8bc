// What an operator's gradient function gets: its node, the gradients of the outputs, and a way to add nodes.
#pragma once
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::ir {

/// Usage, in ops/relu.cpp:  g.set(0, g.make("ReluGrad", {g.dy(), g.output()}));
class GradientContext {
 public:
  GradientContext(Graph& graph, Node& node, std::vector<Value*> dy, std::vector<bool> wants)
      : graph_(graph), node_(node), dy_(std::move(dy)), wants_(std::move(wants)), results_(wants_.size(), nullptr) {}

  const Node& node() const { return node_; }
  Value* input(std::size_t i) const { return node_.input(i); }
  Value* output(std::size_t i = 0) const { return node_.output(i); }
  /// Gradient of output `i`, or null when nothing depends on that output.
  Value* dy(std::size_t i = 0) const { return dy_.at(i); }
  /// Whether the gradient of input `i` is needed. Others need not be computed.
  bool wants(std::size_t i) const { return i < wants_.size() && wants_[i]; }
  /// The gradient of input `i` is `value`; it must have the input's shape.
  void set(std::size_t i, Value* value) { results_.at(i) = value; }
  const std::vector<Value*>& results() const { return results_; }

  /// Adds a node of the backward phase and returns its first output.
  Value* make(const std::string& op, std::vector<Value*> inputs, Attributes attributes = {}) {
    return make_node(op, std::move(inputs), std::move(attributes)).output(0);
  }
  Node& make_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes = {});
  Value* scalar(float number) { return graph_.add_scalar(number); }

 private:
  Graph& graph_;
  Node& node_;
  std::vector<Value*> dy_;
  std::vector<bool> wants_;
  std::vector<Value*> results_;
};

}  // namespace n2d2::ir
