#include "n2d2/plan/memory/parameter_store.h"

#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"

namespace n2d2::plan {
namespace {

constexpr std::string_view kGradient = "gradient:";

AlignedBuffer floats(std::int64_t count) { return AlignedBuffer(static_cast<std::size_t>(count) * sizeof(float)); }
float* data_of(const AlignedBuffer& buffer) { return reinterpret_cast<float*>(buffer.data()); }

}  // namespace

void ParameterStore::add(const ir::Graph& graph) {
  for (const auto& value : graph.values()) {
    if (value->kind == ir::ValueKind::parameter || value->kind == ir::ValueKind::buffer) add(*value);
  }
}

void ParameterStore::add(const ir::Value& value) {
  auto [it, is_new] = entries_.try_emplace(value.name);
  StateEntry& entry = it->second;
  if (!is_new) {
    if (entry.type == value.type && entry.order == value.order) return;
    throw ShapeError(fmt::format("'{}' is known as {}, this graph has {}", value.name, entry.type.text(), value.type.text()));
  }
  entry.name = value.name;
  entry.type = value.type;
  entry.order = value.order;
  entry.is_parameter = value.kind == ir::ValueKind::parameter;
  entry.trainable = entry.is_parameter && value.trainable;
  entry.own_memory = floats(entry.count());
  entry.memory = data_of(entry.own_memory);
  if (entry.is_parameter) {
    entry.own_gradient = floats(entry.count());
    entry.gradient = data_of(entry.own_gradient);
  }
  ++version_;
}

StateEntry& ParameterStore::find(const std::string& name) {
  const auto found = entries_.find(name);
  if (found == entries_.end()) throw ValueError(fmt::format("the network has no parameter or buffer '{}'", name));
  return found->second;
}

StateEntry& ParameterStore::parameter(const std::string& name) {
  StateEntry& entry = find(name);
  if (!entry.is_parameter) throw ValueError(fmt::format("'{}' is a buffer, not a parameter", name));
  return entry;
}

void ParameterStore::bind(const std::string& name, float* memory) {
  StateEntry& entry = find(name);
  if (memory == nullptr && entry.count() > 0) throw ValueError(fmt::format("'{}': the address is null", name));
  if (entry.memory == memory) return;
  entry.memory = memory;
  entry.own_memory = AlignedBuffer();
  ++version_;
}

void ParameterStore::bind_gradient(const std::string& name, float* memory) {
  StateEntry& entry = parameter(name);
  if (memory == nullptr && entry.count() > 0) throw ValueError(fmt::format("gradient of '{}': the address is null", name));
  if (entry.gradient == memory) return;
  entry.gradient = memory;
  entry.own_gradient = AlignedBuffer();
  ++version_;
}

void ParameterStore::set_trainable(const std::vector<std::string>& names) {
  for (const std::string& name : names) parameter(name);
  for (auto& [name, entry] : entries_) {
    entry.trainable = entry.is_parameter && std::find(names.begin(), names.end(), name) != names.end();
    if (!entry.trainable) entry.has_gradient = false;
  }
}

void ParameterStore::set_solver(const std::string& name, std::shared_ptr<solvers::Solver> solver) {
  StateEntry& entry = parameter(name);
  if (entry.solver == solver) return;
  std::vector<AlignedBuffer> slots;
  for (int i = 0; solver && i < solver->slots(); ++i) slots.push_back(floats(entry.count()));
  entry.solver = std::move(solver);
  entry.slots = std::move(slots);
}

void* ParameterStore::address(const std::string& name) {
  if (name.starts_with(kGradient)) return parameter(name.substr(kGradient.size())).gradient;
  return find(name).memory;
}

}  // namespace n2d2::plan
