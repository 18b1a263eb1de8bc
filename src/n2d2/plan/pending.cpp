#include "n2d2/plan/pending.h"

#include <algorithm>

#include "n2d2/core/error.h"

namespace n2d2::plan {

Pending& PendingStates::take() {
  auto free = std::find_if(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->entry == nullptr; });
  if (free == slots_.end()) free = slots_.insert(slots_.end(), std::make_unique<Pending>());
  (*free)->id = next_id_++;
  return **free;
}

Pending& PendingStates::find(std::int64_t id) {
  for (const auto& slot : slots_) {
    if (slot->entry != nullptr && slot->id == id) return *slot;
  }
  throw StateError("this forward has been used by a backward already, or was dropped; run forward again");
}

void PendingStates::release(Pending& pending) {
  if (pending.block) pending.entry->spare.push_back(std::move(pending.block));
  pending.entry.reset();
}

std::size_t PendingStates::count() const {
  return static_cast<std::size_t>(std::count_if(slots_.begin(), slots_.end(), [](const auto& slot) { return slot->entry != nullptr; }));
}

}  // namespace n2d2::plan
