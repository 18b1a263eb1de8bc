#include "n2d2/passes/pool_before_relu.h"

#include <algorithm>

namespace n2d2::passes {
namespace {

bool is_output(const ir::Graph& graph, const ir::Value* value) {
  return std::find(graph.outputs().begin(), graph.outputs().end(), value) != graph.outputs().end();
}

}  // namespace

void move_pool_before_relu(ir::Graph& graph) {
  std::vector<ir::Node*> nodes;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (ir::Node* pool : nodes) {
    if (pool->op().name != "MaxPool") continue;
    ir::Node* relu = pool->input(0)->producer;
    if (relu == nullptr || relu->op().name != "Relu") continue;
    if (graph.consumers(relu->output()).size() > 1 || is_output(graph, relu->output())) continue;
    if (!graph.consumers(pool->output(1)).empty() || is_output(graph, pool->output(1))) continue;
    graph.replace_input(*pool, 0, relu->input(0));
    ir::Node& after = graph.add_node("Relu", {pool->output()}, {}, {.source = relu->source()});
    const auto position = std::find(nodes.begin(), nodes.end(), pool) + 1;
    if (position != nodes.end()) graph.move_last_before(**position);
    graph.replace_uses(pool->output(), after.output(), &after);
    graph.erase(*relu);
  }
}

}  // namespace n2d2::passes
