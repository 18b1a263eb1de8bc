#include "n2d2/ir/expand_context.h"

#include <algorithm>

namespace n2d2::ir {

bool ExpandContext::is_read(std::size_t i) const {
  const auto& outputs = graph_.outputs();
  return !graph_.consumers(node_.output(i)).empty() || std::find(outputs.begin(), outputs.end(), node_.output(i)) != outputs.end();
}

Node& ExpandContext::make_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes) {
  Node& node = graph_.add_node(op, std::move(inputs), std::move(attributes), {.source = node_.source(), .phase = node_.phase()});
  graph_.move_last_before(node_);
  return node;
}

}  // namespace n2d2::ir
