#include "n2d2/backends/cpu/passes/normalized_convolutions.h"

#include <initializer_list>

#include "n2d2/backends/cpu/passes/match.h"

namespace n2d2::cpu {
namespace {

bool is_one_of(const ir::Node& node, std::initializer_list<std::string_view> ops) {
  return std::find(ops.begin(), ops.end(), node.op().name) != ops.end();
}

bool is_normalization(const ir::Node& node) {
  return is_one_of(node, {"BatchNormalization", "BatchNormalizationRelu", "BatchNormalizationAddRelu"});
}

bool is_output(const ir::Graph& graph, const ir::Value* value) {
  const auto& outputs = graph.outputs();
  return std::find(outputs.begin(), outputs.end(), value) != outputs.end();
}

/// Whether nothing that reads a normalised value compares its places with each other.
bool never_chooses(const ir::Graph& graph, const ir::Value* value) {
  for (const ir::Node* reader : graph.consumers(value)) {
    if (reader->phase() != ir::Phase::forward) continue;
    if (is_one_of(*reader, {"Conv", "ConvRelu", "ConvMaxPool", "ConvNormalized", "Gemm", "GlobalAveragePool", "AveragePool"})) continue;
    const bool by_element =
        is_normalization(*reader) || is_one_of(*reader, {"Relu", "Clip", "LeakyRelu", "Add", "AddRelu", "Dropout", "Flatten", "Reshape"});
    if (!by_element || !never_chooses(graph, reader->output(0))) return false;
  }
  return true;
}

bool is_normalized(const ir::Graph& graph, const ir::Value* value) {
  if (is_output(graph, value)) return false;
  for (const ir::Node* reader : graph.consumers(value)) {
    if (reader->phase() != ir::Phase::forward) continue;
    if (!is_normalization(*reader) || reader->input(0) != value || !never_chooses(graph, reader->output(0))) return false;
  }
  return true;
}

bool has_tiles(const ir::Node& conv) {
  const ir::Value& y = *conv.output();
  if (y.rank() != 4 || !y.is_batched() || y.shape().batch_axis() != 0 || conv.integer("group") != 1) return false;
  const std::vector<std::int64_t> ones = {1, 1};
  return conv.input_shape(1)[2].size == 3 && conv.input_shape(1)[3].size == 3 && conv.integers("strides") == ones &&
         conv.integers("dilations") == ones;
}

}  // namespace

void find_normalized_convolutions(ir::Graph& graph) {
  for (ir::Node* conv : nodes_of(graph, "Conv")) {
    if (conv->phase() != ir::Phase::forward || !has_tiles(*conv) || !is_normalized(graph, conv->output())) continue;
    ir::Node& made =
        graph.add_node("ConvNormalized", conv->inputs(), conv->attributes(), {.source = conv->source(), .phase = conv->phase()});
    graph.move_last_before(*conv);
    graph.replace_uses(conv->output(), made.output());
    graph.erase(*conv);
  }
}

}  // namespace n2d2::cpu
