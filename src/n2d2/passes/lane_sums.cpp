#include "n2d2/passes/lane_sums.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace n2d2::passes {
namespace {

constexpr std::array<std::string_view, 9> kReductions = {"Gemm",
                                                         "MatMul",
                                                         "ConvGradWeight",
                                                         "ReduceSum",
                                                         "ReduceMean",
                                                         "SumTo",
                                                         "LayerNormalizationGrad",
                                                         "RMSNormalizationGrad",
                                                         "GroupNormalizationGrad"};

bool reads_partial(const ir::Node& node) { return node.op().name == "AccumulateGradient" || node.op().name == "LaneSum"; }

/// Whether it is a sum over the rows of the batch, which comes as a partial sum per lane.
bool sums_over_rows(const ir::Value& output) {
  const ir::Node& node = *output.producer;
  const bool reads_batch =
      std::any_of(node.inputs().begin(), node.inputs().end(), [](const ir::Value* v) { return v != nullptr && v->is_batched(); });
  return reads_batch && !output.is_batched() && std::find(kReductions.begin(), kReductions.end(), node.op().name) != kReductions.end();
}

}  // namespace

void add_lane_sums(ir::Graph& graph) {
  std::vector<ir::Node*> nodes;
  for (const auto& node : graph.nodes()) nodes.push_back(node.get());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    ir::Node* node = nodes[i];
    for (ir::Value* output : node->outputs()) {
      if (!sums_over_rows(*output)) continue;
      const auto consumers = graph.consumers(output);
      const bool is_output = std::find(graph.outputs().begin(), graph.outputs().end(), output) != graph.outputs().end();
      if (!is_output && std::all_of(consumers.begin(), consumers.end(), [](const ir::Node* c) { return reads_partial(*c); })) continue;
      ir::Node& sum = graph.add_node("LaneSum", {output}, {}, {.source = node->source(), .phase = node->phase()});
      if (i + 1 < nodes.size()) graph.move_last_before(*nodes[i + 1]);
      graph.replace_uses(output, sum.output(), &sum);
    }
  }
}

}  // namespace n2d2::passes
