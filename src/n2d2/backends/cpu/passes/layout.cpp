#include "n2d2/backends/cpu/passes/layout.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <tuple>

#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using ir::Node;
using ir::Value;
using Order = std::vector<int>;

/// How a node wants its batched operands to lie.
/// `reads_any`: inputs in any order, outputs row-major. `all_row_major`: the host's weights too.
enum class Wish { channels_last, row_major, as_first_input, any, reads_any, all_row_major };

Wish wish_of(const Node& node) {
  static const std::set<std::string> channels_last = {"Conv",
                                                      "ConvRelu",
                                                      "ConvMaxPool",
                                                      "ConvGradInput",
                                                      "ConvGradWeight",
                                                      "MaxPool",
                                                      "MaxPoolGrad",
                                                      "MaxPoolRelu",
                                                      "MaxPoolReluGrad",
                                                      "MaxPoolConvGradInput",
                                                      "MaxPoolConvGradWeight",
                                                      "AveragePool",
                                                      "AveragePoolGrad",
                                                      "GlobalAveragePool",
                                                      "GlobalAveragePoolGrad",
                                                      "BatchNormalization",
                                                      "BatchNormalizationRelu",
                                                      "BatchNormalizationAddRelu",
                                                      "BatchNormalizationAgain",
                                                      "BatchNormalizationGrad",
                                                      "BatchNormalizationReluGrad",
                                                      "GroupNormalization",
                                                      "GroupNormalizationGrad"};
  static const std::set<std::string> row_major = {"Gemm",
                                                  "LSTMRecurrence",
                                                  "LSTMRecurrenceGrad",
                                                  "GRURecurrence",
                                                  "GRURecurrenceGrad",
                                                  "RNNRecurrence",
                                                  "RNNRecurrenceGrad",
                                                  "MatMul",
                                                  "Softmax",
                                                  "SoftmaxGrad",
                                                  "LogSoftmax",
                                                  "LogSoftmaxGrad",
                                                  "LayerNormalization",
                                                  "LayerNormalizationGrad",
                                                  "RMSNormalization",
                                                  "RMSNormalizationGrad",
                                                  "SoftmaxCrossEntropyLoss",
                                                  "SoftmaxCrossEntropyLossGrad",
                                                  "MeanSquaredError",
                                                  "MeanSquaredErrorGrad"};
  static const std::set<std::string> any = {"Reorder",   "ReduceSum", "ReduceMean", "SumTo", "Concat", "Slice",
                                            "SliceGrad", "Split",     "Expand",     "Tile",  "Pad"};
  static const std::set<std::string> all_row_major = {"Gather", "GatherGrad", "GatherElements", "GatherElementsGrad", "OneHot", "Cast"};
  const std::string& name = node.op().name;
  if (all_row_major.contains(name)) return Wish::all_row_major;
  if (name == "MatMul" && (node.input(1)->is_batched() || node.input(1)->rank() != 2)) return Wish::reads_any;
  if (channels_last.contains(name)) return Wish::channels_last;
  if (row_major.contains(name)) return Wish::row_major;
  return any.contains(name) ? Wish::any : Wish::as_first_input;
}

Order batch_first(const Value& value) {
  Order order(static_cast<std::size_t>(value.rank()));
  std::iota(order.begin(), order.end(), 0);
  const int batch = value.type.shape.batch_axis();
  if (batch > 0) std::rotate(order.begin(), order.begin() + batch, order.begin() + batch + 1);
  return order;
}

/// Batch, then the places, then axis 1.
Order channels_last(const Value& value) {
  Order order = batch_first(value);
  if (value.rank() > 2 && value.type.shape.batch_axis() == 0) std::rotate(order.begin() + 1, order.begin() + 2, order.end());
  return order;
}

class Layout {
 public:
  explicit Layout(ir::Graph& graph) : graph_(graph) {}

  void run() {
    std::vector<Node*> nodes;
    for (const auto& node : graph_.nodes()) nodes.push_back(node.get());
    for (Node* node : nodes) assign(*node);
  }

 private:
  void assign(Node& node) {
    if (node.op().name == "Reorder") return;
    if (node.op().name == "Transpose") return follow_transpose(node);
    if (node.op().name == "Reshape" || node.op().name == "Flatten") return reshape(node);
    if (node.op().name == "AccumulateGradient") return require(node, 0, ir::order_of(*node.input(1)));
    const Wish wish = wish_of(node);
    for (std::size_t i = 0; wish == Wish::all_row_major && i < node.inputs().size(); ++i) require(node, i, batch_first(*node.input(i)));
    if (wish == Wish::row_major || wish == Wish::channels_last) {
      for (std::size_t i = 0; i < node.inputs().size(); ++i) {
        if (node.input(i) == nullptr) continue;
        if (node.input(i)->is_batched()) require(node, i, wished(wish, *node.input(i)));
        // Computed weights; those of the host keep their order.
        else if (node.input(i)->kind == ir::ValueKind::activation)
          require(node, i, batch_first(*node.input(i)));
      }
    }
    for (std::size_t i = 0; i < node.outputs().size(); ++i) place_output(node, *node.output(i), wish);
    if (wish == Wish::as_first_input) align_inputs(node);
  }

  static Order wished(Wish wish, const Value& value) { return wish == Wish::channels_last ? channels_last(value) : batch_first(value); }

  void place_output(const Node& node, Value& output, Wish wish) {
    if (wish == Wish::reads_any || wish == Wish::all_row_major) {
      output.order = batch_first(output);
    } else if (!output.is_batched()) {
      output.order = parameter_order(output);
    } else if (wish == Wish::row_major || wish == Wish::channels_last) {
      output.order = wished(wish, output);
    } else {
      const Value* model = first_like(node, output);
      output.order = model != nullptr ? ir::order_of(*model) : batch_first(output);
    }
  }

  /// A weight gradient is written in the order of the buffer that stores it.
  Order parameter_order(const Value& output) const {
    for (const Node* consumer : graph_.consumers(&output)) {
      if (consumer->op().name == "AccumulateGradient") return consumer->input(1)->order;
    }
    return {};
  }

  /// The first batched input of the output's rank, of the same shape if there is one.
  static const Value* first_like(const Node& node, const Value& output) {
    const Value* found = nullptr;
    for (const Value* input : node.inputs()) {
      if (input == nullptr || !input->is_batched() || input->rank() != output.rank()) continue;
      if (input->shape() == output.shape()) return input;
      if (found == nullptr && input->shape().batch_axis() == output.shape().batch_axis()) found = input;
    }
    return found;
  }

  void align_inputs(Node& node) {
    if (node.outputs().empty()) return;
    const Value& output = *node.output();
    for (std::size_t i = 0; i < node.inputs().size(); ++i) {
      const Value* input = node.input(i);
      if (input != nullptr && input->is_batched() && input->shape() == output.shape()) require(node, i, output.order);
    }
  }

  void follow_transpose(Node& node) {
    const auto& perm = node.integers("perm");
    Order inverse(perm.size());
    for (std::size_t i = 0; i < perm.size(); ++i) inverse[static_cast<std::size_t>(perm[i])] = static_cast<int>(i);
    Order order;
    for (const int axis : ir::order_of(*node.input(0))) order.push_back(inverse[static_cast<std::size_t>(axis)]);
    node.output()->order = order;
  }

  /// The elements stay where they are if they can.
  void reshape(Node& node) {
    const Value& input = *node.input(0);
    const auto kept = ir::order_after_reshape(input.shape(), ir::order_of(input), node.output_shape());
    if (!kept) require(node, 0, batch_first(input));
    node.output()->order = kept ? *kept : batch_first(*node.output());
  }

  /// Input `i` of the node shall lie in this order: reads a reordered copy of it otherwise.
  void require(Node& node, std::size_t i, const Order& order) {
    Value* value = node.input(i);
    if (ir::same_memory(*value, ir::order_of(*value), order)) return;
    // What a node made is copied again in the backward half: that takes less memory than to keep the copy.
    const ir::Phase phase = value->kind == ir::ValueKind::activation ? node.phase() : ir::Phase::forward;
    Value*& copy = copies_[{value, order, phase}];
    if (copy == nullptr) {
      Node& reorder = graph_.add_node("Reorder", {value}, {}, {.source = node.source(), .phase = node.phase()});
      reorder.output()->order = order;
      graph_.move_last_before(node);
      copy = reorder.output();
    }
    graph_.replace_input(node, i, copy);
  }

  ir::Graph& graph_;
  std::map<std::tuple<const Value*, Order, ir::Phase>, Value*> copies_;
};

}  // namespace

void assign_layout(ir::Graph& graph) { Layout(graph).run(); }

}  // namespace n2d2::cpu
