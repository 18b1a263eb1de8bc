#include "n2d2/passes/expand.h"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "n2d2/core/error.h"
#include "n2d2/ir/expand_context.h"

namespace n2d2::passes {
namespace {

bool expand_node(ir::Graph& graph, ir::Node& node) {
  if (node.op().expand == nullptr) return false;
  ir::ExpandContext context(graph, node);
  node.op().expand(context);
  const auto& results = context.results();
  if (std::all_of(results.begin(), results.end(), [](const ir::Value* value) { return value == nullptr; })) return false;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!context.is_read(i)) continue;
    if (results[i] == nullptr || !(results[i]->type == node.output(i)->type)) {
      throw Error(fmt::format("{}: its expansion does not make output {} of type {}", node.label(), i, node.output(i)->type.text()));
    }
    graph.replace_uses(node.output(i), results[i]);
  }
  graph.erase(node);
  return true;
}

}  // namespace

void expand(ir::Graph& graph) {
  for (bool any = true; any;) {
    any = false;
    std::vector<ir::Node*> nodes;
    for (const auto& node : graph.nodes()) nodes.push_back(node.get());
    for (ir::Node* node : nodes) any = expand_node(graph, *node) || any;
  }
}

}  // namespace n2d2::passes
