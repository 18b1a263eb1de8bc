#include "n2d2/passes/required_region.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace n2d2::passes {
namespace {

using ir::Node;
using ir::Value;
using Extents = std::array<std::int64_t, 2>;

bool is_image(const Value* value) { return value != nullptr && value->rank() == 4 && value->shape().batch_axis() == 0; }
Extents extents_of(const Value& value) { return {value.shape()[2].size, value.shape()[3].size}; }
bool has_windows(const Node& node) { return node.op().name == "Conv" || node.op().name == "MaxPool"; }

/// Rows and columns of the input that the first `places` windows read.
Extents read_by(const Node& node, const Extents& places) {
  const bool is_conv = node.op().name == "Conv";
  const Extents input = extents_of(*node.input(0));
  Extents read{};
  for (std::size_t axis : {0, 1}) {
    const std::int64_t kernel = is_conv ? node.input_shape(1)[2 + static_cast<int>(axis)].size : node.integers("kernel_shape")[axis];
    const std::int64_t reach = node.integers("dilations")[axis] * (kernel - 1) + 1;
    const std::int64_t end = (places[axis] - 1) * node.integers("strides")[axis] - node.integers("pads")[axis] + reach;
    read[axis] = std::clamp<std::int64_t>(end, 1, input[axis]);
  }
  return read;
}

class Needs {
 public:
  explicit Needs(const ir::Graph& graph) {
    for (const Value* output : graph.outputs()) need_all(output);
    for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) visit(**node);
  }
  /// Of a value that nobody reads, everything.
  Extents of(const Value& value) const {
    const auto found = needs_.find(&value);
    return found == needs_.end() ? extents_of(value) : found->second;
  }

 private:
  void visit(const Node& node) {
    const bool follows = (has_windows(node) || node.op().is_pointwise) && is_image(node.input(0)) && is_image(node.output());
    for (std::size_t i = 0; i < node.inputs().size(); ++i) {
      if (i > 0 || !follows) need_all(node.input(i));
    }
    if (!follows) return;
    Extents wanted = of(*node.output());
    if (node.outputs().size() > 1 && needs_.contains(node.output(1))) wanted = merged(wanted, of(*node.output(1)));
    need(node.input(0), has_windows(node) ? read_by(node, wanted) : wanted);
  }
  void need_all(const Value* value) {
    if (is_image(value)) need(value, extents_of(*value));
  }
  void need(const Value* value, const Extents& extents) {
    const auto [found, is_new] = needs_.try_emplace(value, extents);
    if (!is_new) found->second = merged(found->second, extents);
  }
  static Extents merged(const Extents& a, const Extents& b) { return {std::max(a[0], b[0]), std::max(a[1], b[1])}; }

  std::unordered_map<const Value*, Extents> needs_;
};

}  // namespace

void shrink_to_required_region(ir::Graph& graph) {
  const Needs needs(graph);
  bool any = false;
  for (const auto& node : graph.nodes()) {
    if (!has_windows(*node) || !is_image(node->output())) continue;
    const Extents wanted = needs.of(*node->output());
    const bool reads_all = !is_image(node->input(0)) || needs.of(*node->input(0)) == extents_of(*node->input(0));
    if (wanted == extents_of(*node->output()) && reads_all) continue;
    ir::Attributes attributes = node->attributes();
    attributes.set("region", std::vector<std::int64_t>(wanted.begin(), wanted.end()));
    graph.set_attributes(*node, std::move(attributes));
    any = true;
  }
  if (any) graph.infer_types();
}

}  // namespace n2d2::passes
