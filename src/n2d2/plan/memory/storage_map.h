// Which bytes stand for which value of a graph: aliases share, what the caller owns is external.
#pragma once
#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/memory/storage.h"

namespace n2d2::plan {

class StorageMap {
 public:
  /// `storages` keeps its addresses and outlives the map. `outputs` of the graph are Reorder nodes (passes/output_copies.h).
  StorageMap(const ir::Graph& graph, std::deque<Storage>& storages);

  Storage* of(const ir::Value& value);
  Storage* scratch(std::string name, std::int64_t bytes, int region);
  /// A value that is a partial sum per lane.
  Storage* make_partial(const ir::Value& value);
  /// Nodes that run no kernel because their output is their input's bytes.
  bool is_elided(const ir::Node& node) const { return elided_.contains(&node); }
  /// Whether a node makes the value, under this or another name.
  bool is_computed(const ir::Value& value) const { return root_of(value)->kind == ir::ValueKind::activation; }
  /// Whether a node that runs a kernel reads an output of this one, itself or under another name.
  bool is_read_by_steps(const ir::Node& node) const;
  int regions() const { return next_region_; }

 private:
  void join(const ir::Node& alias);
  void place_output(const ir::Value& output);
  bool can_be_made_outside(const ir::Value& root, const ir::Node& copy) const;
  const ir::Value* root_of(const ir::Value& value) const;
  Storage* create(const ir::Value& root, int region);

  const ir::Graph& graph_;
  std::deque<Storage>& storages_;
  std::unordered_map<const ir::Value*, const ir::Value*> roots_;
  std::unordered_map<const ir::Value*, Storage*> by_root_;
  std::unordered_set<const ir::Node*> elided_;
  int next_region_ = kExternal;
};

}  // namespace n2d2::plan
