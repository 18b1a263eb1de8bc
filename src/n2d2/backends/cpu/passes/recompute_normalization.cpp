#include "n2d2/backends/cpu/passes/recompute_normalization.h"

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/passes/match.h"

namespace n2d2::cpu {
namespace {

std::vector<ir::Node*> backward_readers(const ir::Graph& graph, const ir::Value* value) {
  std::vector<ir::Node*> readers = graph.consumers(value);
  std::erase_if(readers, [](const ir::Node* reader) { return reader->phase() != ir::Phase::backward; });
  return readers;
}

/// Such a reader takes its rows chunk by chunk.
bool takes_chunks(const ir::Node& reader) {
  return reader.op().name == "ConvGradWeight" && reader.output_shape(0).elements_per_row() <= kMostOuterWeights;
}

void recompute(ir::Graph& graph, const ir::Node& norm) {
  const std::vector<ir::Node*> readers = backward_readers(graph, norm.output(0));
  if (norm.phase() != ir::Phase::forward || readers.empty() || backward_readers(graph, norm.input(0)).empty()) return;
  for (const ir::Node* reader : readers) {
    if (!takes_chunks(*reader)) return;
  }
  for (ir::Node* reader : readers) {
    const std::vector<ir::Value*> inputs = {norm.input(0), norm.input(1), norm.input(2), norm.output(1), norm.output(2)};
    const std::int64_t relu = norm.op().name.ends_with("Relu") ? 1 : 0;
    ir::Node& again =
        graph.add_node("BatchNormalizationAgain", inputs, {{"relu", relu}}, {.source = norm.source(), .phase = ir::Phase::backward});
    graph.move_last_before(*reader);
    for (std::size_t i = 0; i < reader->inputs().size(); ++i) {
      if (reader->input(i) == norm.output(0)) graph.replace_input(*reader, i, again.output());
    }
  }
}

}  // namespace

void recompute_normalization(ir::Graph& graph) {
  for (const char* op : {"BatchNormalization", "BatchNormalizationRelu"}) {
    for (const ir::Node* norm : nodes_of(graph, op)) recompute(graph, *norm);
  }
}

}  // namespace n2d2::cpu
