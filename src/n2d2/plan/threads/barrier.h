// The threads of a run wait for each other.
#pragma once
#include <atomic>
#include <cstdint>

#include "n2d2/plan/threads/spin.h"

namespace n2d2::plan {

/// Reusable at once: who waits looks at the round, who arrives last starts the next one.
class Barrier {
 public:
  /// Every one of `threads` threads must call it with the same number. What they wrote before is seen by all after.
  void wait(int threads) {
    const std::uint32_t round = round_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    wait_until([&] { return round_.load(std::memory_order_acquire) != round; });
  }

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

}  // namespace n2d2::plan
