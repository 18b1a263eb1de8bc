#include "n2d2/plan/memory/aliases.h"

#include <vector>

#include "n2d2/ir/memory_order.h"

namespace n2d2::plan {
namespace {

/// The order that the input's bytes have when read along the output's axes.
std::vector<int> transposed_order(const ir::Node& node) {
  const auto& perm = node.integers("perm");
  std::vector<int> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) inverse[static_cast<std::size_t>(perm[i])] = static_cast<int>(i);
  std::vector<int> order;
  for (const int axis : ir::order_of(*node.input(0))) order.push_back(inverse[static_cast<std::size_t>(axis)]);
  return order;
}

}  // namespace

bool is_alias(const ir::Node& node) {
  const std::string& op = node.op().name;
  if (op != "Flatten" && op != "Reshape" && op != "Transpose" && op != "Reorder" && op != "StopGradient") return false;
  const ir::Value& input = *node.input(0);
  const ir::Value& output = *node.output();
  if (input.is_batched() != output.is_batched()) return false;
  if (op == "Flatten" || op == "Reshape") {
    const auto kept = ir::order_after_reshape(input.shape(), ir::order_of(input), output.shape());
    return kept && ir::same_memory(output, *kept, ir::order_of(output));
  }
  const auto order = op == "Transpose" ? transposed_order(node) : ir::order_of(input);
  return ir::same_memory(output, order, ir::order_of(output));
}

}  // namespace n2d2::plan
