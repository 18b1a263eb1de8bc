#include "n2d2/plan/memory/storage_map.h"

#include <algorithm>

#include "n2d2/plan/memory/aliases.h"

namespace n2d2::plan {
namespace {

constexpr std::int64_t kLineBytes = 64;
std::int64_t whole_lines(std::int64_t bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }

bool is_graph_output(const ir::Graph& graph, const ir::Value* value) {
  return std::find(graph.outputs().begin(), graph.outputs().end(), value) != graph.outputs().end();
}

}  // namespace

StorageMap::StorageMap(const ir::Graph& graph, std::deque<Storage>& storages) : graph_(graph), storages_(storages) {
  for (const auto& value : graph.values()) {
    if (value->kind != ir::ValueKind::activation) create(*value, next_region_++);
  }
  for (const auto& node : graph.nodes()) {
    if (is_alias(*node) && !is_graph_output(graph, node->output())) join(*node);
  }
  for (const ir::Value* output : graph.outputs()) place_output(*output);
}

void StorageMap::join(const ir::Node& alias) {
  roots_[alias.output()] = root_of(*alias.input(0));
  elided_.insert(&alias);
}

const ir::Value* StorageMap::root_of(const ir::Value& value) const {
  const auto found = roots_.find(&value);
  return found == roots_.end() ? &value : found->second;
}

void StorageMap::place_output(const ir::Value& output) {
  const ir::Node& copy = *output.producer;
  const ir::Value* root = root_of(*copy.input(0));
  if (is_alias(copy) && can_be_made_outside(*root, copy)) {
    create(*root, next_region_++);
    join(copy);
  } else {
    create(output, next_region_++);
  }
}

/// The caller may change his output before backward runs, so what backward reads is never made in his memory.
bool StorageMap::can_be_made_outside(const ir::Value& root, const ir::Node& copy) const {
  if (root.kind != ir::ValueKind::activation || by_root_.contains(&root) || root.producer->phase() != copy.phase()) return false;
  for (const auto& node : graph_.nodes()) {
    if (node->phase() == copy.phase()) continue;
    for (const ir::Value* input : node->inputs()) {
      if (input != nullptr && root_of(*input) == &root) return false;
    }
  }
  return true;
}

Storage* StorageMap::create(const ir::Value& root, int region) {
  const auto element = static_cast<std::int64_t>(size_of(root.type.dtype));
  const std::int64_t bytes = root.shape().elements_per_row() * element;
  Storage& storage = storages_.emplace_back();
  storage.name = root.name;
  storage.batched = root.is_batched();
  (storage.batched ? storage.bytes_per_row : storage.bytes) = bytes;
  storage.region = region;
  return by_root_[&root] = &storage;
}

Storage* StorageMap::of(const ir::Value& value) {
  const ir::Value* root = root_of(value);
  const auto found = by_root_.find(root);
  return found != by_root_.end() ? found->second : create(*root, -1);
}

bool StorageMap::is_read_by_steps(const ir::Node& node) const {
  for (const ir::Value* output : node.outputs()) {
    for (const ir::Node* reader : graph_.consumers(output)) {
      if (!is_elided(*reader) || is_read_by_steps(*reader)) return true;
    }
  }
  return false;
}

Storage* StorageMap::make_partial(const ir::Value& value) {
  Storage* storage = of(value);
  storage->per_lane = true;
  storage->partial = true;
  storage->bytes = whole_lines(storage->bytes);
  return storage;
}

Storage* StorageMap::scratch(std::string name, std::int64_t bytes, int region) {
  Storage& storage = storages_.emplace_back();
  storage.name = std::move(name);
  storage.bytes = whole_lines(bytes);
  storage.per_lane = region != kPacked && region != kPackedOwn;
  storage.region = region;
  return &storage;
}

}  // namespace n2d2::plan
