#include "n2d2/plan/compiler.h"

#include <fmt/core.h>

#include <algorithm>
#include <iterator>

#include "n2d2/core/error.h"
#include "n2d2/passes/expand.h"
#include "n2d2/passes/lane_sums.h"
#include "n2d2/passes/output_copies.h"
#include "n2d2/passes/pool_before_relu.h"
#include "n2d2/passes/recompute_dropout.h"
#include "n2d2/passes/required_region.h"
#include "n2d2/plan/barriers.h"
#include "n2d2/plan/chunks.h"
#include "n2d2/plan/schedule.h"

namespace n2d2::plan {
namespace {

/// Two for each multiply-add of the dense definition; 0 for nodes that are no matrix products.
double flops_per_row(const ir::Node& node) {
  const std::string& op = node.op().name;
  const auto count = [](const Shape& shape) { return static_cast<double>(shape.elements_per_row()); };
  if (op == "Gemm") {
    const auto k = static_cast<double>(node.input_shape(0)[node.integer("transA") != 0 ? 0 : 1].size);
    return 2 * k * count(node.output_shape());
  }
  if (op == "MatMul") return 2 * count(node.output_shape()) * static_cast<double>(node.input_shape(0)[node.input_shape(0).rank() - 1].size);
  if (op.find("Recurrence") != std::string::npos) return 2 * count(node.input_shape(1)) * static_cast<double>(node.input_shape(0)[1].size);
  if (op.find("Conv") == std::string::npos) return 0;
  const bool is_weight = op.ends_with("ConvGradWeight");
  const bool is_pooled = node.attributes().has("conv_output");
  const Shape& w = is_weight ? node.output_shape(0) : node.input_shape(op == "MaxPoolConvGradInput" ? 2 : 1);
  const Shape& y = is_weight || op.ends_with("ConvGradInput") ? node.input_shape(0) : node.output_shape();
  double places = static_cast<double>(y[0].size);
  for (int axis = 2; axis < y.rank(); ++axis) {
    places *= static_cast<double>(is_pooled ? node.integers("conv_output")[static_cast<std::size_t>(axis) - 2] : y[axis].size);
  }
  return 2 * count(w) * places;
}

void append(std::vector<PlannedStep>& steps, std::vector<PlannedStep> more) {
  std::move(more.begin(), more.end(), std::back_inserter(steps));
}

}  // namespace

void Compiler::run() {
  run_passes();
  StorageMap storages(plan_.graph_, plan_.storages_);
  CollectingEmitter emitter(storages, plan_.options_.capacity, plan_.options_.lanes);
  for (const auto& node : plan_.graph_.nodes()) {
    if (!storages.is_elided(*node)) choose_kernel(emitter, *node);
  }
  const bool is_step = plan_.options_.step;
  if (is_step) store_gradients_directly(emitter, storages);
  if (is_step) append(emitter.forward, std::move(emitter.backward));
  append(emitter.forward, std::move(emitter.last));
  for (auto* steps : {&emitter.forward, &emitter.backward}) {
    assign_segments(*steps);
    if (!plan_.options_.keep) continue;
    store_gradients_early(*steps);
    pack_before_use(emitter.packings, *steps);
  }
  for (auto* steps : {&emitter.forward, &emitter.backward}) {
    assign_chunks(*steps, emitter.lane_capacity(), is_step ? kStepChunkBytes : kSplitChunkBytes);
  }
  plan_.sizes_ = plan_memory({plan_.storages_, emitter.forward, emitter.backward, plan_.options_.capacity, plan_.options_.lanes});
  plan_.pack_.keeps_to_lanes = emitter.packings.empty();
  std::vector<Step> packs = std::move(emitter.packs_of_lanes);
  for (Packing& packing : emitter.packings) packs.push_back({std::move(packing.label), std::move(packing.run), false});
  plan_.pack_.segments.clear();
  if (!packs.empty()) plan_.pack_.segments.push_back(std::move(packs));
  plan_.forward_ = program_of(emitter.forward);
  plan_.backward_ = program_of(emitter.backward);
  plan_.bases_.assign(static_cast<std::size_t>(plan_.options_.lanes),
                      std::vector<char*>(static_cast<std::size_t>(storages.regions()), nullptr));
  bind_names(storages);
}

void Compiler::run_passes() {
  ir::Graph& graph = plan_.graph_;
  passes::expand(graph);
  passes::move_pool_before_relu(graph);
  passes::shrink_to_required_region(graph);
  std::vector<ir::Value*> outputs = graph.outputs();
  forward_outputs_ = outputs.size();
  if (plan_.options_.keep) {
    backward_ = passes::add_backward(graph, {.input_gradients = plan_.options_.input_gradients, .from_loss = plan_.options_.step});
    passes::recompute_dropout(graph, plan_.options_.step);
    for (ir::Value* gradient : backward_.input_gradients) {
      if (gradient != nullptr) outputs.push_back(gradient);
    }
    graph.set_outputs(outputs);
  }
  passes::add_lane_sums(graph);
  passes::add_output_copies(graph, forward_outputs_);
  graph.erase_dead_nodes();
  graph.use_ops(backend_.op_set());
  backend_.run_passes(graph);
  ir::verify(graph);
}

void Compiler::choose_kernel(CollectingEmitter& emitter, const ir::Node& node) const {
  std::string reasons;
  for (const KernelEntry& kernel : backend_.kernels()) {
    if (kernel.op != node.op().name) continue;
    const std::string reason = kernel.refuses != nullptr ? kernel.refuses(node) : std::string();
    if (reason.empty()) {
      emitter.begin(node, kernel.name + reasons);
      return kernel.prepare(emitter);
    }
    reasons += fmt::format("; not {}: {}", kernel.name, reason);
  }
  throw UnsupportedError(fmt::format("{}: no kernel of backend {}{}", node.label(), backend_.name(), reasons));
}

/// In step form nothing is accumulated: a gradient that is no partial sum is made where AccumulateGradient would copy it to.
void Compiler::store_gradients_directly(CollectingEmitter& emitter, StorageMap& storages) const {
  const auto is_made_in_place = [&](const ir::Node& node) {
    if (node.op().name != "AccumulateGradient" || plan_.graph_.consumers(node.input(0)).size() != 1) return false;
    Storage* gradient = storages.of(*node.input(0));
    if (gradient->partial || gradient->region >= 0 || node.input(0)->kind != ir::ValueKind::activation) return false;
    gradient->region = storages.of(*node.input(1))->region;
    return true;
  };
  std::erase_if(emitter.backward, [&](const PlannedStep& step) { return is_made_in_place(*step.node); });
}

Program Compiler::program_of(std::vector<PlannedStep>& steps) {
  Program program;
  const ir::Node* last = nullptr;
  for (PlannedStep& step : steps) {
    program.segments.resize(static_cast<std::size_t>(step.segment) + 1);
    double bytes = 0;
    for (const Use& use : step.uses) bytes += static_cast<double>(use.operand.storage()->bytes_per_row);
    const double flops = step.node == last || step.node == nullptr ? 0 : flops_per_row(*step.node);
    if (step.node != nullptr) last = step.node;
    program.segments.back().push_back({std::move(step.label), std::move(step.run), step.single, step.loop, step.chunk_rows, flops, bytes});
  }
  return program;
}

void Compiler::bind_names(StorageMap& storages) {
  Externals& externals = plan_.externals_;
  const auto region_of = [&](const ir::Value* value) { return value == nullptr ? -1 : storages.of(*value)->region; };
  for (const auto& value : plan_.graph_.values()) {
    switch (value->kind) {
      case ir::ValueKind::input:
        if (!value->name.starts_with("gradient:")) externals.inputs.push_back(region_of(value.get()));
        break;
      case ir::ValueKind::parameter:
      case ir::ValueKind::buffer:
        externals.state[value->name] = region_of(value.get());
        break;
      case ir::ValueKind::constant:
        plan_.bind(region_of(value.get()), value->data.data());
        break;
      case ir::ValueKind::activation:
        break;
    }
  }
  const auto& outputs = plan_.graph_.outputs();
  for (std::size_t i = 0; i < forward_outputs_; ++i) externals.outputs.push_back(region_of(outputs[i]));
  for (const ir::Value* gradient : backward_.output_gradients) externals.output_gradients.push_back(region_of(gradient));
  std::size_t next = forward_outputs_;
  for (const ir::Value* gradient : backward_.input_gradients) {
    externals.input_gradients.push_back(gradient == nullptr ? -1 : region_of(outputs[next++]));
  }
  for (const ir::Value* parameter : backward_.parameters) externals.gradients_of.push_back(parameter->name);
}

}  // namespace n2d2::plan
