// Threads of our own. They spin for a short time after a run, since the next is often near, and then sleep.
#pragma once
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include "n2d2/plan/threads/thread_source.h"

namespace n2d2::plan {

class OwnThreads final : public ThreadSource {
 public:
  OwnThreads();
  /// Ends the threads.
  ~OwnThreads() override;

  const char* name() const override { return "own"; }
  /// A second caller at the same time gets one thread, its own: the results are the same.
  int run(int wanted, const ThreadWork& work) override;
  /// Threads made so far, the caller not counted.
  int workers() const { return static_cast<int>(workers_.size()); }

 private:
  class Worker;
  void make_workers(int count);
  void keep_off_callers_core(int threads);

  std::mutex in_use_;
  std::vector<std::unique_ptr<Worker>> workers_;
  int most_workers_ = std::numeric_limits<int>::max();
  int callers_core_ = -1;
};

}  // namespace n2d2::plan
