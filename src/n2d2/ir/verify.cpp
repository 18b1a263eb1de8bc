#include <fmt/core.h>

#include <algorithm>
#include <unordered_set>

#include "n2d2/core/error.h"
#include "n2d2/ir/graph.h"

namespace n2d2::ir {
namespace {

void check_order(const Value& value) {
  std::vector<int> sorted = value.order;
  std::sort(sorted.begin(), sorted.end());
  bool good = sorted.empty() || sorted.size() == static_cast<std::size_t>(value.rank());
  for (std::size_t i = 0; good && i < sorted.size(); ++i) good = sorted[i] == static_cast<int>(i);
  if (!good) throw Error(fmt::format("value '{}': its order is no permutation of its axes", value.name));
}

}  // namespace

void verify(const Graph& graph) {
  std::unordered_set<const Value*> known;
  for (const auto& value : graph.values()) {
    check_order(*value);
    if (value->kind != ValueKind::activation) known.insert(value.get());
  }
  for (const auto& node : graph.nodes()) {
    for (const Value* input : node->inputs()) {
      if (input != nullptr && !known.contains(input))
        throw Error(fmt::format("{} reads '{}' before it is made", node->label(), input->name));
    }
    const auto types = node->op().infer(*node);
    if (types.size() != node->outputs().size()) throw Error(fmt::format("{}: number of outputs differs from inference", node->label()));
    for (std::size_t i = 0; i < types.size(); ++i) {
      const Value& output = *node->output(i);
      if (output.producer != node.get()) throw Error(fmt::format("{}: output '{}' names another producer", node->label(), output.name));
      if (!(types[i] == output.type)) {
        throw Error(
            fmt::format("{}: output '{}' is {}, inference says {}", node->label(), output.name, output.type.text(), types[i].text()));
      }
      known.insert(&output);
    }
  }
  for (const Value* output : graph.outputs()) {
    if (!known.contains(output)) throw Error(fmt::format("output '{}' is not made by the graph", output->name));
  }
}

}  // namespace n2d2::ir
