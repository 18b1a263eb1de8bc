#include "n2d2/backends/cpu/passes/fuse_pool_relu.h"

#include "n2d2/backends/cpu/passes/match.h"

namespace n2d2::cpu {
namespace {

void fuse_forward(ir::Graph& graph, const ir::Node& relu) {
  ir::Node* pool = producer(relu.input(0), "MaxPool");
  if (pool == nullptr || pool->phase() != relu.phase() || !only_reader(graph, pool->output(0), relu)) return;
  ir::Node& fused = graph.add_node("MaxPoolRelu", {pool->input(0)}, pool->attributes(), {.source = pool->source(), .phase = pool->phase()});
  graph.move_last_before(*pool);
  graph.replace_uses(relu.output(), fused.output(0));
  graph.replace_uses(pool->output(1), fused.output(1));
  graph.erase(relu);
  graph.erase(*pool);
}

void fuse_backward(ir::Graph& graph, const ir::Node& pool_grad) {
  ir::Node* relu_grad = producer(pool_grad.input(0), "ReluGrad");
  if (relu_grad == nullptr || !only_reader(graph, relu_grad->output(), pool_grad)) return;
  ir::Node& fused = graph.add_node("MaxPoolReluGrad", {relu_grad->input(0), relu_grad->input(1), pool_grad.input(1)},
                                   pool_grad.attributes(), {.source = pool_grad.source(), .phase = pool_grad.phase()});
  graph.move_last_before(pool_grad);
  graph.replace_uses(pool_grad.output(), fused.output());
  graph.erase(pool_grad);
  graph.erase(*relu_grad);
}

}  // namespace

void fuse_pool_relu(ir::Graph& graph) {
  for (const ir::Node* relu : nodes_of(graph, "Relu")) fuse_forward(graph, *relu);
  for (const ir::Node* pool_grad : nodes_of(graph, "MaxPoolGrad")) fuse_backward(graph, *pool_grad);
}

}  // namespace n2d2::cpu
