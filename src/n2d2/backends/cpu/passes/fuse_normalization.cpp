#include "n2d2/backends/cpu/passes/fuse_normalization.h"

#include "n2d2/backends/cpu/passes/match.h"

namespace n2d2::cpu {
namespace {

void fuse_forward(ir::Graph& graph, const ir::Node& relu, const char* op) {
  const ir::Node* before = producer(relu.input(0), op);
  if (before == nullptr || relu.input(0)->output_index != 0 || before->phase() != relu.phase()) return;
  if (!only_reader(graph, before->output(), relu)) return;
  const ir::Node& fused = graph.add_node(before->op().name + "Relu", before->inputs(), before->attributes(),
                                         {.source = before->source(), .phase = before->phase()});
  graph.move_last_before(relu);
  graph.replace_uses(relu.output(), fused.output());
  for (std::size_t i = 1; i < before->outputs().size(); ++i) graph.replace_uses(before->output(i), fused.output(i));
  graph.erase(relu);
  graph.erase(*before);
}

/// AddRelu with a BatchNormalization that nobody else reads.
void fuse_join(ir::Graph& graph, const ir::Node& join) {
  for (const std::size_t i : {1, 0}) {
    const ir::Node* norm = producer(join.input(i), "BatchNormalization");
    ir::Value* other = join.input(1 - i);
    if (norm == nullptr || other == join.input(i) || join.input(i)->output_index != 0 || norm->phase() != join.phase() ||
        other->type != join.input(i)->type || !only_reader(graph, norm->output(), join)) {
      continue;
    }
    std::vector<ir::Value*> inputs = norm->inputs();
    inputs.push_back(other);
    const ir::Node& fused =
        graph.add_node("BatchNormalizationAddRelu", inputs, norm->attributes(), {.source = norm->source(), .phase = norm->phase()});
    graph.move_last_before(join);
    graph.replace_uses(join.output(), fused.output());
    for (std::size_t k = 1; k < norm->outputs().size(); ++k) graph.replace_uses(norm->output(k), fused.output(k));
    graph.erase(join);
    return graph.erase(*norm);
  }
}

/// ReluGrad of a sum that nobody else reads: of gradients that come from two readers.
void fuse_sum(ir::Graph& graph, const ir::Node& relu_grad) {
  const ir::Node* sum = producer(relu_grad.input(0), "Add");
  if (sum == nullptr || sum->input(0)->type != sum->input(1)->type || !only_reader(graph, sum->output(), relu_grad)) return;
  const ir::Node& fused = graph.add_node("AddReluGrad", {sum->input(0), sum->input(1), relu_grad.input(1)}, {},
                                         {.source = relu_grad.source(), .phase = relu_grad.phase()});
  graph.move_last_before(relu_grad);
  graph.replace_uses(relu_grad.output(), fused.output());
  graph.erase(relu_grad);
  graph.erase(*sum);
}

void fuse_backward(ir::Graph& graph, const ir::Node& grad) {
  const ir::Node* relu_grad = producer(grad.input(0), "ReluGrad");
  if (relu_grad == nullptr || !only_reader(graph, relu_grad->output(), grad)) return;
  const ir::Node* forward = producer(relu_grad->input(1), "BatchNormalizationRelu");
  if (forward == nullptr || forward->input(0) != grad.input(1) || forward->output(1) != grad.input(3)) return;
  const ir::Node& fused = graph.add_node(
      "BatchNormalizationReluGrad", {relu_grad->input(0), grad.input(1), grad.input(2), forward->input(2), grad.input(3), grad.input(4)},
      grad.attributes(), {.source = grad.source(), .phase = grad.phase()});
  graph.move_last_before(grad);
  for (std::size_t i = 0; i < grad.outputs().size(); ++i) graph.replace_uses(grad.output(i), fused.output(i));
  graph.erase(grad);
  graph.erase(*relu_grad);
}

}  // namespace

void fuse_normalization(ir::Graph& graph) {
  for (const char* op : {"BatchNormalization", "Add"}) {
    for (const ir::Node* relu : nodes_of(graph, "Relu")) fuse_forward(graph, *relu, op);
  }
  for (const ir::Node* join : nodes_of(graph, "AddRelu")) fuse_join(graph, *join);
  for (const ir::Node* grad : nodes_of(graph, "BatchNormalizationGrad")) fuse_backward(graph, *grad);
  for (const ir::Node* relu_grad : nodes_of(graph, "ReluGrad")) fuse_sum(graph, *relu_grad);
}

}  // namespace n2d2::cpu
