// The part of Graph that passes use.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "n2d2/ir/graph.h"

namespace n2d2::ir {

void Graph::use_ops(const OpSet& ops) {
  ops_ = &ops;
  for (const auto& node : nodes_) node->op_ = &ops.find(node->op_->name);
}

void Graph::infer_types() {
  for (const auto& node : nodes_) {
    const std::vector<TensorType> types = node->op_->infer(*node);
    for (std::size_t i = 0; i < types.size(); ++i) node->outputs_[i]->type = types[i];
  }
}

void Graph::replace_uses(Value* from, Value* to, const Node* except) {
  for (const auto& node : nodes_) {
    if (node.get() != except) std::replace(node->inputs_.begin(), node->inputs_.end(), from, to);
  }
  std::replace(outputs_.begin(), outputs_.end(), from, to);
}

void Graph::replace_input(Node& node, std::size_t index, Value* value) { node.inputs_.at(index) = value; }

void Graph::move_last_before(const Node& position) {
  const auto at = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node.get() == &position; });
  std::rotate(at, nodes_.end() - 1, nodes_.end());
}

void Graph::erase(const Node& node) {
  const std::unordered_set<const Value*> made(node.outputs_.begin(), node.outputs_.end());
  std::erase_if(values_, [&](const auto& value) { return made.contains(value.get()); });
  std::erase_if(nodes_, [&](const auto& other) { return other.get() == &node; });
}

void Graph::erase_dead_nodes() {
  std::unordered_set<const Value*> read(outputs_.begin(), outputs_.end());
  std::vector<const Node*> dead;
  for (auto it = nodes_.rbegin(); it != nodes_.rend(); ++it) {
    const Node& node = **it;
    const bool alive = node.outputs_.empty() ||
                       std::any_of(node.outputs_.begin(), node.outputs_.end(), [&](const Value* value) { return read.contains(value); });
    if (alive) {
      read.insert(node.inputs_.begin(), node.inputs_.end());
    } else {
      dead.push_back(&node);
    }
  }
  for (const Node* node : dead) erase(*node);
}

Graph Graph::clone() const {
  Graph copy(*ops_);
  std::unordered_map<const Value*, Value*> values;
  values[nullptr] = nullptr;
  for (const auto& value : values_) {
    copy.values_.push_back(std::make_unique<Value>(*value));
    values[value.get()] = copy.values_.back().get();
  }
  for (const auto& node : nodes_) {
    copy.nodes_.push_back(std::make_unique<Node>(*node));
    Node* made = copy.nodes_.back().get();
    for (Value*& input : made->inputs_) input = values.at(input);
    for (Value*& output : made->outputs_) {
      output = values.at(output);
      output->producer = made;
    }
  }
  for (const Value* output : outputs_) copy.outputs_.push_back(values.at(output));
  copy.next_id_ = next_id_;
  return copy;
}

}  // namespace n2d2::ir
