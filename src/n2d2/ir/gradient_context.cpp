#include "n2d2/ir/gradient_context.h"

namespace n2d2::ir {

Node& GradientContext::make_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes) {
  return graph_.add_node(op, std::move(inputs), std::move(attributes), {.source = node_.source(), .phase = Phase::backward});
}

}  // namespace n2d2::ir
