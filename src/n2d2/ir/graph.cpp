#include "n2d2/ir/graph.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "n2d2/core/error.h"

namespace n2d2::ir {
namespace {

/// Fills in defaults; throws ValueError for an attribute that the operator does not have or of another kind.
Attributes complete(const OpDef& op, const Attributes& given) {
  Attributes attributes;
  for (const auto& [name, value] : op.attributes) attributes.set(name, value);
  for (const auto& [name, value] : given.items()) {
    const auto known = op.attributes.find(name);
    if (known == op.attributes.end()) throw ValueError(fmt::format("has no attribute '{}'", name));
    const bool is_number = std::holds_alternative<double>(known->second) && std::holds_alternative<std::int64_t>(value);
    const auto* list = std::get_if<std::vector<std::int64_t>>(&value);
    const bool is_empty_list = list != nullptr && list->empty();
    const bool is_numbers = list != nullptr && std::holds_alternative<std::vector<double>>(known->second);
    if (value.index() != known->second.index() && !is_number && !is_empty_list && !is_numbers) {
      throw ValueError(fmt::format("attribute '{}' is {}, expected the kind of {}", name, to_text(value), to_text(known->second)));
    }
    if (is_numbers) {
      attributes.set(name, std::vector<double>(list->begin(), list->end()));
      continue;
    }
    attributes.set(name, is_number ? Attribute(static_cast<double>(std::get<std::int64_t>(value))) : value);
  }
  return attributes;
}

void check_inputs(const OpDef& op, const std::vector<Value*>& inputs) {
  const bool variadic = !op.inputs.empty() && op.inputs.back().presence == Presence::variadic;
  if (inputs.size() > op.inputs.size() && !variadic) {
    throw ValueError(fmt::format("expects at most {} inputs, got {}", op.inputs.size(), inputs.size()));
  }
  for (std::size_t i = 0; i < op.inputs.size(); ++i) {
    const bool absent = i >= inputs.size() || inputs[i] == nullptr;
    if (absent && op.inputs[i].presence != Presence::optional) throw ValueError(fmt::format("misses input '{}'", op.inputs[i].name));
  }
}

/// Calls `body` and puts the node's label in front of what it throws.
template <class Body>
void labelled(const std::string& label, const Body& body) {
  const auto text = [&](const Error& error) { return label + ": " + error.what(); };
  try {
    body();
  } catch (const ShapeError& error) {
    throw ShapeError(text(error));
  } catch (const TypeError& error) {
    throw TypeError(text(error));
  } catch (const ValueError& error) {
    throw ValueError(text(error));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(text(error));
  }
}

void check_order(const TensorType& type, const std::vector<int>& order, const std::string& name) {
  std::vector<int> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool good = order.empty() || order.size() == static_cast<std::size_t>(type.shape.rank());
  for (std::size_t i = 0; good && i < sorted.size(); ++i) good = sorted[i] == static_cast<int>(i);
  if (!good) throw ValueError(fmt::format("'{}': the order is no permutation of its {} axes", name, type.shape.rank()));
}

}  // namespace

const Shape& Node::input_shape(std::size_t i) const {
  const Value* value = input(i);
  if (value == nullptr) throw ValueError(fmt::format("{} has no input {}", label(), i));
  return value->type.shape;
}

std::string Node::label() const {
  std::string text = fmt::format("{} '{}'", op_->name, source_.path.empty() ? name_ : source_.path);
  if (!source_.location.empty()) text += fmt::format(" ({})", source_.location);
  return text;
}

Value* Graph::new_value(std::string name, TensorType type, ValueKind kind) {
  auto value = std::make_unique<Value>();
  value->id = next_id_++;
  value->name = name.empty() ? fmt::format("v{}", value->id) : std::move(name);
  value->type = std::move(type);
  value->kind = kind;
  values_.push_back(std::move(value));
  return values_.back().get();
}

Value* Graph::add_input(std::string name, TensorType type, std::vector<int> order) {
  check_order(type, order, name);
  Value* value = new_value(std::move(name), std::move(type), ValueKind::input);
  value->order = std::move(order);
  return value;
}

Value* Graph::add_parameter(std::string name, TensorType type, std::vector<int> order, bool trainable) {
  check_order(type, order, name);
  if (type.shape.is_batched()) throw ShapeError(fmt::format("parameter '{}' of shape {} depends on the batch", name, type.shape.text()));
  Value* value = new_value(std::move(name), std::move(type), ValueKind::parameter);
  value->order = std::move(order);
  value->trainable = trainable;
  return value;
}

Value* Graph::add_buffer(std::string name, TensorType type, std::vector<int> order) {
  check_order(type, order, name);
  Value* value = new_value(std::move(name), std::move(type), ValueKind::buffer);
  value->order = std::move(order);
  return value;
}

Value* Graph::add_constant(std::string name, TensorType type, std::vector<std::byte> data) {
  if (type.shape.is_batched() || data.size() != static_cast<std::size_t>(type.shape.elements_per_row()) * size_of(type.dtype)) {
    throw ShapeError(fmt::format("constant '{}' of type {} was given {} bytes", name, type.text(), data.size()));
  }
  Value* value = new_value(std::move(name), std::move(type), ValueKind::constant);
  value->data = std::move(data);
  return value;
}

Value* Graph::add_scalar(float number) {
  std::vector<std::byte> data(sizeof number);
  std::memcpy(data.data(), &number, sizeof number);
  return add_constant("", {Shape(), DType::float32}, std::move(data));
}

Node& Graph::add_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes, NodeOptions options) {
  auto node = std::make_unique<Node>();
  node->op_ = &ops_->find(op);
  node->name_ = options.name.empty() ? fmt::format("{}_{}", op, next_id_) : std::move(options.name);
  node->source_ = std::move(options.source);
  node->phase_ = options.phase;
  node->inputs_ = std::move(inputs);
  std::vector<TensorType> types;
  labelled(node->label(), [&] {
    check_inputs(*node->op_, node->inputs_);
    node->attributes_ = complete(*node->op_, attributes);
    types = node->op_->infer(*node);
  });
  for (std::size_t i = 0; i < types.size(); ++i) {
    Value* value = new_value(i == 0 ? node->name_ : fmt::format("{}:{}", node->name_, i), types[i], ValueKind::activation);
    value->producer = node.get();
    value->output_index = static_cast<int>(i);
    node->outputs_.push_back(value);
  }
  nodes_.push_back(std::move(node));
  return *nodes_.back();
}

void Graph::add_output(Value* value) { outputs_.push_back(value); }

std::vector<Value*> Graph::values_of(ValueKind kind) const {
  std::vector<Value*> out;
  for (const auto& value : values_) {
    if (value->kind == kind) out.push_back(value.get());
  }
  return out;
}

std::vector<Node*> Graph::consumers(const Value* value) const {
  std::vector<Node*> out;
  for (const auto& node : nodes_) {
    if (std::find(node->inputs_.begin(), node->inputs_.end(), value) != node->inputs_.end()) out.push_back(node.get());
  }
  return out;
}

}  // namespace n2d2::ir
