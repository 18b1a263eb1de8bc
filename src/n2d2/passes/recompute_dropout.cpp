#include "n2d2/passes/recompute_dropout.h"

#include <algorithm>

namespace n2d2::passes {
namespace {

using ir::Node;
using ir::Phase;
using ir::Value;

std::vector<Node*> backward_readers(const ir::Graph& graph, const Value* value) {
  std::vector<Node*> readers = graph.consumers(value);
  std::erase_if(readers, [](const Node* reader) { return reader->phase() != Phase::backward; });
  return readers;
}

/// Adds a node of the backward half in front of `first`.
Value* add_before(ir::Graph& graph, const Node& first, const char* op, std::vector<Value*> inputs, const ir::Attributes& attributes,
                  const Node& like) {
  Node& made = graph.add_node(op, std::move(inputs), attributes, {.source = like.source(), .phase = Phase::backward});
  graph.move_last_before(first);
  return made.output();
}

void recompute(ir::Graph& graph, const Node& dropout) {
  const std::vector<Node*> readers = backward_readers(graph, dropout.output(0));
  if (readers.empty()) return;
  const auto reads = [&](const auto& node) { return std::find(readers.begin(), readers.end(), node.get()) != readers.end(); };
  const Node& first = **std::find_if(graph.nodes().begin(), graph.nodes().end(), reads);
  Value* input = dropout.input(0);
  const Node* view = input->producer;
  const bool is_view = view != nullptr && (view->op().name == "Flatten" || view->op().name == "Reshape");
  if (is_view && !backward_readers(graph, view->input(0)).empty()) {
    input = add_before(graph, first, view->op().name.c_str(), view->inputs(), view->attributes(), *view);
  } else if (backward_readers(graph, input).empty()) {
    return;
  }
  // The gradient of Dropout is Dropout with the mask given.
  const ir::Attributes attributes = {{"ratio", dropout.number("ratio")}};
  Value* again = add_before(graph, first, "DropoutGrad", {input, dropout.output(1)}, attributes, dropout);
  for (Node* reader : readers) {
    for (std::size_t i = 0; i < reader->inputs().size(); ++i) {
      if (reader->input(i) == dropout.output(0)) graph.replace_input(*reader, i, again);
    }
  }
}

/// Batch statistics are waited for there, so what comes behind does not stay in the cache until the backward half.
bool is_behind_statistics(const Node& dropout) {
  const Node* before = dropout.input(0)->producer;
  if (before != nullptr && before->op().name == "Relu") before = before->input(0)->producer;
  return before != nullptr && before->op().name == "BatchNormalization" && before->integer("training_mode") != 0;
}

}  // namespace

void recompute_dropout(ir::Graph& graph, bool behind_statistics_only) {
  std::vector<const Node*> dropouts;
  for (const auto& node : graph.nodes()) {
    if (node->op().name == "Dropout" && node->integer("training_mode") != 0 && (!behind_statistics_only || is_behind_statistics(*node))) {
      dropouts.push_back(node.get());
    }
  }
  for (const Node* dropout : dropouts) recompute(graph, *dropout);
}

}  // namespace n2d2::passes
