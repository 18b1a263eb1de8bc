#include "n2d2/passes/autodiff.h"

#include <fmt/core.h>

#include <unordered_map>
#include <unordered_set>

#include "n2d2/core/error.h"
#include "n2d2/ir/gradient_context.h"

namespace n2d2::passes {
namespace {

using ir::Node;
using ir::Value;

class Walker {
 public:
  Walker(ir::Graph& graph, const AutodiffOptions& options) : graph_(graph), options_(options) {}

  Backward run() {
    find_active();
    Backward result;
    const std::vector<Value*> outputs = graph_.outputs();
    for (Value* output : outputs) result.output_gradients.push_back(seed(*output, result.output_gradients.size()));
    std::vector<Node*> order;
    for (const auto& node : graph_.nodes()) order.push_back(node.get());
    for (auto node = order.rbegin(); node != order.rend(); ++node) differentiate(**node);
    store_parameter_gradients(result);
    for (const Value* input : graph_.values_of(ir::ValueKind::input)) {
      if (!input->name.starts_with("gradient:")) result.input_gradients.push_back(options_.input_gradients ? gradient_of(input) : nullptr);
    }
    return result;
  }

 private:
  /// A value is active when a parameter or input that is differentiated flows into it.
  void find_active() {
    for (const auto& value : graph_.values()) {
      const bool is_float = value->type.dtype == DType::float32;
      if (value->kind == ir::ValueKind::parameter && value->trainable && is_float) active_.insert(value.get());
      if (value->kind == ir::ValueKind::input && options_.input_gradients && is_float) active_.insert(value.get());
    }
    for (const auto& node : graph_.nodes()) {
      if (node->op().gradient == nullptr) continue;
      for (const Value* input : node->inputs()) {
        if (input == nullptr || !active_.contains(input)) continue;
        for (const Value* output : node->outputs()) {
          if (output->type.dtype == DType::float32) active_.insert(output);
        }
        break;
      }
    }
  }

  Value* seed(Value& output, std::size_t index) {
    if (!active_.contains(&output)) return nullptr;
    if (options_.from_loss) {
      if (index == 0) add(&output, graph_.add_scalar(1.0F));
      return nullptr;
    }
    Value* gradient = graph_.add_input(fmt::format("gradient:output{}", index), output.type);
    add(&output, gradient);
    return gradient;
  }

  void differentiate(Node& node) {
    std::vector<Value*> dy;
    bool any = false;
    for (const Value* output : node.outputs()) {
      dy.push_back(gradient_of(output));
      any = any || dy.back() != nullptr;
    }
    if (!any || node.op().gradient == nullptr) return;
    std::vector<bool> wants;
    bool wanted = false;
    for (const Value* input : node.inputs()) {
      wants.push_back(input != nullptr && active_.contains(input));
      wanted = wanted || wants.back();
    }
    if (!wanted) return;
    ir::GradientContext context(graph_, node, dy, wants);
    node.op().gradient(context);
    for (std::size_t i = 0; i < node.inputs().size(); ++i) {
      Value* gradient = context.results().at(i);
      if (gradient == nullptr || !wants[i]) continue;
      if (!(gradient->type == node.input(i)->type)) {
        throw Error(fmt::format("{}: the gradient of input {} has type {}, expected {}", node.label(), i, gradient->type.text(),
                                node.input(i)->type.text()));
      }
      add(node.input(i), gradient);
    }
  }

  void store_parameter_gradients(Backward& result) {
    for (Value* parameter : graph_.values_of(ir::ValueKind::parameter)) {
      Value* gradient = gradient_of(parameter);
      if (gradient == nullptr || !active_.contains(parameter)) continue;
      Value* buffer = graph_.add_buffer("gradient:" + parameter->name, parameter->type, parameter->order);
      graph_.add_node("AccumulateGradient", {gradient, buffer}, {}, {.source = {}, .phase = ir::Phase::backward});
      result.parameters.push_back(parameter);
    }
  }

  void add(const Value* value, Value* gradient) {
    Value*& sum = gradients_[value];
    sum = sum == nullptr ? gradient : graph_.add_node("Add", {sum, gradient}, {}, {.source = {}, .phase = ir::Phase::backward}).output(0);
  }

  Value* gradient_of(const Value* value) const {
    const auto found = gradients_.find(value);
    return found == gradients_.end() ? nullptr : found->second;
  }

  ir::Graph& graph_;
  const AutodiffOptions& options_;
  std::unordered_set<const Value*> active_;
  std::unordered_map<const Value*, Value*> gradients_;
};

}  // namespace

Backward add_backward(ir::Graph& graph, const AutodiffOptions& options) { return Walker(graph, options).run(); }

}  // namespace n2d2::passes
