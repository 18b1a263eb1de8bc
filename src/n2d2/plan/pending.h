// Plans of a network with their spare memory, and the forwards that wait for their backward.
#pragma once
#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "n2d2/plan/memory/parameter_store.h"
#include "n2d2/plan/plan.h"

namespace n2d2::plan {

/// Which plan of a network: the graph (0 train, 1 evaluate) and what is wanted of it.
struct PlanKey {
  int mode = 0;
  std::int64_t capacity = 0;  ///< rows
  bool keep = false;
  bool input_gradients = false;
  const ir::OpDef* loss = nullptr;  ///< a plan in step form
  bool by_class = false;            ///< of its targets
  bool gives_output = false;        ///< beside the loss
  std::size_t trained = 0;          ///< which set of trainable parameters
  auto operator<=>(const PlanKey&) const = default;
};

struct PlanEntry {
  std::unique_ptr<Plan> plan;
  std::uint64_t bound_version = 0;   ///< of the store's addresses
  std::uint64_t packed_version = 0;  ///< of the weights
  std::vector<StateEntry*> trained;  ///< get a gradient from backward
  std::vector<std::unique_ptr<SavedBlock>> spare;
  AlignedBuffer zeros;    ///< stands for an output gradient that nobody gave
  AlignedBuffer discard;  ///< takes an input gradient that nobody wants
};

struct Pending {
  std::shared_ptr<PlanEntry> entry;  ///< null: the slot is free
  std::unique_ptr<SavedBlock> block;
  std::vector<void*> inputs;
  std::int64_t rows = 0;
  std::uint64_t key = 0;
  std::uint64_t update_count = 0;  ///< of the network when its forward ran
  std::int64_t id = 0;
};

/// Slots that are used again, so that a steady loop allocates nothing.
class PendingStates {
 public:
  /// A free slot with a new id.
  Pending& take();
  /// Throws StateError when that state does not exist (any more).
  Pending& find(std::int64_t id);
  void release(Pending& pending);
  std::size_t count() const;

 private:
  std::vector<std::unique_ptr<Pending>> slots_;
  std::int64_t next_id_ = 1;
};

}  // namespace n2d2::plan
