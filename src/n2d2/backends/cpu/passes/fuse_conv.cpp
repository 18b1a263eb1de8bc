#include "n2d2/backends/cpu/passes/fuse_conv.h"

#include "n2d2/backends/cpu/passes/match.h"

namespace n2d2::cpu {
namespace {

/// The convolution before `reader`, when it can become one with it.
ir::Node* convolution_before(const ir::Graph& graph, const ir::Node& reader) {
  ir::Node* conv = producer(reader.input(0), "Conv");
  const bool fits = conv != nullptr && conv->output()->rank() == 4 && conv->integer("group") == 1 && conv->output()->is_batched() &&
                    conv->output()->shape().batch_axis() == 0 && conv->phase() == reader.phase() &&
                    only_reader(graph, conv->output(), reader);
  return fits ? conv : nullptr;
}

void replace(ir::Graph& graph, const ir::Node& conv, const ir::Node& reader, const char* op, const ir::Attributes& attributes) {
  ir::Node& fused = graph.add_node(op, conv.inputs(), attributes, {.source = conv.source(), .phase = conv.phase()});
  graph.move_last_before(reader);
  for (std::size_t i = 0; i < reader.outputs().size(); ++i) graph.replace_uses(reader.output(i), fused.output(i));
  graph.erase(reader);
  graph.erase(conv);
}

void fuse_pool(ir::Graph& graph, const ir::Node& pool) {
  const ir::Node* conv = convolution_before(graph, pool);
  if (conv == nullptr) return;
  ir::Attributes attributes = conv->attributes();
  const Shape &before = pool.input_shape(0), &after = pool.output_shape();
  attributes.set("pool_kernel", pool.integers("kernel_shape"));
  for (const char* list : {"strides", "pads", "dilations"}) attributes.set(std::string("pool_") + list, pool.integers(list));
  attributes.set("conv_output", std::vector<std::int64_t>{before[2].size, before[3].size});
  attributes.set("pool_output", std::vector<std::int64_t>{after[2].size, after[3].size});
  attributes.set("relu", std::int64_t{pool.op().name == "MaxPoolRelu"});
  replace(graph, *conv, pool, "ConvMaxPool", attributes);
}

}  // namespace

void fuse_conv(ir::Graph& graph) {
  for (const char* op : {"MaxPool", "MaxPoolRelu"}) {
    for (const ir::Node* pool : nodes_of(graph, op)) fuse_pool(graph, *pool);
  }
  for (const ir::Node* relu : nodes_of(graph, "Relu")) {
    const ir::Node* conv = convolution_before(graph, *relu);
    if (conv != nullptr) replace(graph, *conv, *relu, "ConvRelu", conv->attributes());
  }
}

}  // namespace n2d2::cpu
