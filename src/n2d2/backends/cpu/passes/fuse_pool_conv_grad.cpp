#include "n2d2/backends/cpu/passes/fuse_pool_conv_grad.h"

#include <algorithm>

namespace n2d2::cpu {
namespace {

constexpr std::int64_t kPlacesOfWindow = 4;  // fewer leave too few zeros
constexpr std::int64_t kTaps = 9;            // floats of a kernel: fewer leave a vector mostly empty

/// What the sparse kernels take: see kernels/sparse_convolution.h.
bool pays(const ir::Node& pool_grad, const ir::Node& conv_grad) {
  const auto& kernel = pool_grad.integers("kernel_shape");
  for (std::size_t axis : {0, 1}) {
    if (pool_grad.integers("strides")[axis] < pool_grad.integers("dilations")[axis] * (kernel[axis] - 1) + 1) return false;
  }
  const bool is_weight = conv_grad.op().name == "ConvGradWeight";
  const Shape& w = is_weight ? conv_grad.output_shape(0) : conv_grad.input_shape(1);
  return kernel[0] * kernel[1] >= kPlacesOfWindow && conv_grad.integer("group") == 1 && conv_grad.integers("dilations")[1] == 1 &&
         w[1].size * w[2].size * w[3].size >= kTaps;
}

void fuse(ir::Graph& graph, const ir::Node& pool_grad, const ir::Node& conv_grad) {
  const bool has_relu = pool_grad.op().name == "MaxPoolReluGrad";
  ir::Value* y = has_relu ? pool_grad.input(1) : nullptr;
  ir::Value* argmax = pool_grad.input(has_relu ? 2 : 1);
  ir::Attributes attributes = conv_grad.attributes();
  attributes.set("pool_kernel", pool_grad.integers("kernel_shape"));
  attributes.set("pool_strides", pool_grad.integers("strides"));
  attributes.set("pool_pads", pool_grad.integers("pads"));
  attributes.set("pool_dilations", pool_grad.integers("dilations"));
  attributes.set("conv_output", pool_grad.integers("input_shape"));
  const ir::Node& fused = graph.add_node("MaxPool" + conv_grad.op().name, {pool_grad.input(0), argmax, conv_grad.input(1), y}, attributes,
                                         {.source = conv_grad.source(), .phase = conv_grad.phase()});
  graph.move_last_before(conv_grad);
  for (std::size_t i = 0; i < conv_grad.outputs().size(); ++i) graph.replace_uses(conv_grad.output(i), fused.output(i));
  graph.erase(conv_grad);
}

void fuse_readers(ir::Graph& graph, const ir::Node& pool_grad) {
  for (const ir::Node* reader : graph.consumers(pool_grad.output())) {
    const bool is_gradient = reader->op().name == "ConvGradInput" || reader->op().name == "ConvGradWeight";
    if (is_gradient && reader->input(0) == pool_grad.output() && pays(pool_grad, *reader)) fuse(graph, pool_grad, *reader);
  }
  const auto& outputs = graph.outputs();
  const bool is_output = std::find(outputs.begin(), outputs.end(), pool_grad.output()) != outputs.end();
  if (!is_output && graph.consumers(pool_grad.output()).empty()) graph.erase(pool_grad);
}

}  // namespace

void fuse_pool_conv_grad(ir::Graph& graph) {
  std::vector<const ir::Node*> found;
  for (const auto& node : graph.nodes()) {
    if (node->op().name == "MaxPoolGrad" || node->op().name == "MaxPoolReluGrad") found.push_back(node.get());
  }
  for (const ir::Node* pool_grad : found) fuse_readers(graph, *pool_grad);
}

}  // namespace n2d2::cpu
