#include "n2d2/plan/memory/memory_planner.h"

#include <algorithm>
#include <limits>
#include <map>

namespace n2d2::plan {
namespace {

constexpr std::int64_t kAlignment = 64;
constexpr int kForever = std::numeric_limits<int>::max();

std::int64_t aligned(std::int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// When a storage is in use, counted in steps (lane-local) or segments (shared) of one program.
struct Life {
  Storage* storage = nullptr;
  std::int64_t bytes = 0;
  int first = 0;
  int last = 0;
  std::vector<Storage*> heirs{};  ///< take its bytes over, one after the other
};

/// Greedy by size: the largest first, each at the lowest offset free during its life.
std::int64_t place(std::vector<Life>& lives) {
  std::stable_sort(lives.begin(), lives.end(), [](const Life& a, const Life& b) { return a.bytes > b.bytes; });
  std::vector<const Life*> placed;
  std::int64_t total = 0;
  for (const Life& life : lives) {
    std::vector<const Life*> neighbours;
    for (const Life* other : placed) {
      if (other->first <= life.last && life.first <= other->last) neighbours.push_back(other);
    }
    std::sort(neighbours.begin(), neighbours.end(), [](const Life* a, const Life* b) { return a->storage->offset < b->storage->offset; });
    std::int64_t offset = 0;
    for (const Life* other : neighbours) {
      if (other->storage->offset >= offset + life.bytes) break;
      offset = std::max(offset, other->storage->offset + other->bytes);
    }
    life.storage->offset = offset;
    for (Storage* heir : life.heirs) heir->offset = offset;
    placed.push_back(&life);
    total = std::max(total, offset + life.bytes);
  }
  return total;
}

/// What all steps together say of one storage.
struct Summary {
  bool in_forward = false;
  bool in_backward = false;
  bool lane_only = true;  ///< every lane keeps to its own rows or its own copy
  int first_step = 0, last_step = 0, first_segment = 0, last_segment = 0;
  int first_loop = 0, last_loop = 0;
};

/// First and last step of a loop.
struct Loop {
  int begin = 0, end = 0;
  std::int64_t chunk_rows = 0;
};

class Planner {
 public:
  explicit Planner(const MemoryPlanInput& input) : input_(input) {
    scan(input.forward, true);
    scan(input.backward, false);
  }

  RegionSizes run() {
    RegionSizes sizes;
    std::vector<Life> local[2], shared[2];
    for (Storage& storage : input_.storages) {
      if (storage.region == kPacked && summaries_.contains(&storage)) storage.region = -1;  // made by a step, shortly before it is read
      if (storage.region == kPacked) {
        storage.offset = take(sizes.packed, storage.bytes);
      } else if (storage.region == kPackedOwn) {
        storage.offset = take(sizes.packed_own, storage.bytes);
      } else if (storage.region < 0 && !summaries_.contains(&storage)) {
        storage.region = kShared;  // no step names it, so nothing is known: it shares its bytes with nobody
        const std::int64_t bytes = aligned(storage.batched ? input_.capacity * storage.bytes_per_row : storage.bytes * input_.lanes);
        shared[0].push_back({&storage, bytes, 0, kForever});
        shared[1].push_back({&storage, bytes, 0, kForever});
      } else if (storage.region < 0) {
        assign(storage, summaries_[&storage], sizes, local, shared);
      }
    }
    for (int program = 0; program < 2; ++program) {
      pass_on(local[program], loops_[program]);
      sizes.local = std::max(sizes.local, place(local[program]));
      sizes.shared = std::max(sizes.shared, place(shared[program]));
    }
    return sizes;
  }

 private:
  void scan(const std::vector<PlannedStep>& steps, bool forward) {
    std::vector<Loop>& loops = loops_[forward ? 0 : 1];
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const int loop = steps[i].loop;
      if (loop == static_cast<int>(loops.size())) loops.push_back({static_cast<int>(i), 0, steps[i].chunk_rows});
      loops.back().end = static_cast<int>(i);
      for (const Use& use : steps[i].uses) {
        auto [it, is_new] = summaries_.try_emplace(use.operand.storage());
        Summary& summary = it->second;
        const int step = static_cast<int>(i);
        if (is_new) summary.first_step = step, summary.first_segment = steps[i].segment, summary.first_loop = loop;
        summary.last_loop = loop;
        (forward ? summary.in_forward : summary.in_backward) = true;
        summary.lane_only = summary.lane_only && !steps[i].single && (use.access == Access::rows || use.access == Access::own);
        summary.last_step = step;
        summary.last_segment = steps[i].segment;
      }
    }
  }

  void assign(Storage& storage, const Summary& summary, RegionSizes& sizes, std::vector<Life>* local, std::vector<Life>* shared) {
    const std::int64_t local_rows = (input_.capacity + input_.lanes - 1) / input_.lanes;
    const std::int64_t local_bytes = aligned(storage.batched ? local_rows * storage.bytes_per_row : storage.bytes);
    const std::int64_t shared_bytes =
        aligned(storage.batched ? input_.capacity * storage.bytes_per_row : storage.bytes * (storage.per_lane ? input_.lanes : 1));
    const bool saved = summary.in_forward && summary.in_backward;
    const int program = summary.in_backward ? 1 : 0;
    if (saved) {
      storage.region = summary.lane_only ? kSavedLocal : kSavedShared;
      storage.offset = summary.lane_only ? take(sizes.saved_local, local_bytes) : take(sizes.saved_shared, shared_bytes);
      return;
    }
    const std::vector<Loop>& loops = loops_[program];
    const Loop &first = loops[static_cast<std::size_t>(summary.first_loop)], &last = loops[static_cast<std::size_t>(summary.last_loop)];
    const bool in_one_chunk = first.chunk_rows > 0 && summary.first_loop == summary.last_loop;
    if (summary.lane_only) {
      storage.region = kLocal;
      storage.chunked = storage.batched && in_one_chunk;
      if (storage.chunked) {
        local[program].push_back({&storage, aligned(first.chunk_rows * storage.bytes_per_row), summary.first_step, summary.last_step});
      } else if (in_one_chunk ? !storage.kept && !storage.partial : first.chunk_rows == 0 && last.chunk_rows == 0) {
        local[program].push_back({&storage, local_bytes, summary.first_step, summary.last_step});
      } else {  // the loops come back to it
        local[program].push_back({&storage, local_bytes, first.begin, last.end});
      }
    } else {
      storage.region = kShared;
      shared[program].push_back({&storage, shared_bytes, summary.first_segment, summary.last_segment});
    }
  }

  /// Row by row: what a loop reads for the last time may be overwritten by what it makes further down in the same chunk, if both have rows
  /// of one size and all of them. So a gradient takes the place of an activation that is in the cache already.
  void pass_on(std::vector<Life>& lives, const std::vector<Loop>& loops) {
    std::stable_sort(lives.begin(), lives.end(), [&](const Life& a, const Life& b) { return made(a).first_step < made(b).first_step; });
    for (auto heir = lives.begin(); heir != lives.end();) {
      const Summary& start = made(*heir);
      const auto leaves_to_heir = [&](const Life& life) {
        const Storage& old = life.heirs.empty() ? *life.storage : *life.heirs.back();
        const Summary& end = summaries_.at(&old);
        return old.batched && !old.chunked && old.bytes_per_row == heir->storage->bytes_per_row && end.last_loop == start.first_loop &&
               end.last_step < start.first_step;
      };
      const bool goes_through_loop = loops[static_cast<std::size_t>(start.first_loop)].chunk_rows > 0;
      const bool may_inherit = goes_through_loop && heir->storage->batched && !heir->storage->chunked;
      const auto from = may_inherit ? std::find_if(lives.begin(), heir, leaves_to_heir) : heir;
      if (from == heir) {
        ++heir;
        continue;
      }
      from->heirs.push_back(heir->storage);
      from->last = std::max(from->last, heir->last);
      heir = lives.erase(heir);
    }
  }
  const Summary& made(const Life& life) const { return summaries_.at(life.storage); }

  static std::int64_t take(std::int64_t& total, std::int64_t bytes) {
    const std::int64_t offset = total;
    total += aligned(bytes);
    return offset;
  }

  const MemoryPlanInput& input_;
  std::vector<Loop> loops_[2];  ///< of forward and backward
  std::map<const Storage*, Summary> summaries_;
};

}  // namespace

RegionSizes plan_memory(const MemoryPlanInput& input) { return Planner(input).run(); }

}  // namespace n2d2::plan
