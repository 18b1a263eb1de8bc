#include <fmt/format.h>

#include "n2d2/ir/graph.h"

namespace n2d2::ir {
namespace {

std::string described(const Value& value) {
  std::string text = fmt::format("%{} {}", value.id, value.type.text());
  if (!value.order.empty()) text += fmt::format(" order({})", fmt::join(value.order, ","));
  return text;
}

std::string_view kind_name(ValueKind kind) {
  switch (kind) {
    case ValueKind::input:
      return "input";
    case ValueKind::parameter:
      return "parameter";
    case ValueKind::buffer:
      return "buffer";
    case ValueKind::constant:
      return "constant";
    case ValueKind::activation:
      return "activation";
  }
  return "";
}

std::string_view phase_mark(Phase phase) {
  switch (phase) {
    case Phase::forward:
      return "";
    case Phase::backward:
      return "backward ";
    case Phase::update:
      return "update ";
  }
  return "";
}

std::string to_text(const Node& node) {
  std::string text = "  ";
  for (std::size_t i = 0; i < node.outputs().size(); ++i) text += (i > 0 ? ", " : "") + described(*node.output(i));
  text += node.outputs().empty() ? "" : " = ";
  text += fmt::format("{}{}(", phase_mark(node.phase()), node.op().name);
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    text += (i > 0 ? ", " : "") + (node.input(i) == nullptr ? std::string("-") : fmt::format("%{}", node.input(i)->id));
  }
  text += ")";
  for (const auto& [name, value] : node.attributes().items()) {
    if (value != node.op().attributes.at(name)) text += fmt::format(" {}={}", name, ir::to_text(value));
  }
  if (!node.source().path.empty()) text += fmt::format("  # {}", node.source().path);
  return text + "\n";
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text = "graph {\n";
  for (const auto& value : graph.values()) {
    if (value->kind != ValueKind::activation) {
      text += fmt::format("  {} '{}' {}\n", kind_name(value->kind), value->name, described(*value));
    }
  }
  for (const auto& node : graph.nodes()) text += to_text(*node);
  text += "  output";
  for (const Value* output : graph.outputs()) text += fmt::format(" %{}", output->id);
  return text + "\n}\n";
}

}  // namespace n2d2::ir
