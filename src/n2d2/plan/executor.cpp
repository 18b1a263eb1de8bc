#include "n2d2/plan/executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>

#include "n2d2/core/denormals.h"
#include "n2d2/plan/barrier.h"
#include "n2d2/plan/pace.h"
#include "n2d2/plan/thread_choice.h"

namespace n2d2::plan {
namespace {

class Job {
 public:
  Job(std::span<const Program* const> programs, std::span<const Lane> lanes) : programs_(programs), lanes_(lanes) {}

  void operator()(int thread, int threads) {
    const FlushDenormals flush;
    bool is_first = true;
    for (const Program* program : programs_) {
      for (const auto& segment : program->segments) {
        if (threads > 1 && !is_first) barrier_.wait(threads);
        is_first = false;
        run_segment(segment, static_cast<std::size_t>(thread), static_cast<std::size_t>(threads));
      }
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run_segment(const std::vector<Step>& segment, std::size_t thread, std::size_t threads) {
    try {
      for (std::size_t l = thread; l < lanes_.size(); l += threads) {
        for (const Step& step : segment) {
          if (has_failed_.load(std::memory_order_relaxed)) return;
          if (!step.single || lanes_[l].index == 0) step.run(lanes_[l]);
        }
      }
    } catch (...) {
      if (!has_failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  std::span<const Program* const> programs_;
  std::span<const Lane> lanes_;
  Barrier barrier_;
  std::atomic<bool> has_failed_{false};
  std::exception_ptr error_;  // written by the thread that set has_failed_, read after all have left
};

int run_job(Job& job, ThreadSource* source, int threads) {
  if (source == nullptr || threads < 2) {
    job(0, 1);
    return 1;
  }
  const ThreadWork work{[](void* context, int thread, int count) { (*static_cast<Job*>(context))(thread, count); }, &job};
  return source->run(threads, work);
}

}  // namespace

void run(std::span<const Program* const> programs, std::span<const Lane> lanes) {
  if (programs.empty() || lanes.empty()) return;
  using Clock = std::chrono::steady_clock;
  Job job(programs, lanes);
  const int most = std::min(static_cast<int>(lanes.size()), default_threads());
  ThreadSource* source = most > 1 ? choose_thread_source() : nullptr;
  if (source == nullptr) {
    run_job(job, nullptr, 1);
  } else {
    Pace& pace = programs.front()->pace;
    const std::int64_t rows = lanes.front().total_rows;
    const int threads = pace.threads(most, rows);
    const auto start = Clock::now();
    const int used = run_job(job, source, threads);
    pace.record(used, rows, Clock::now() - start);
  }
  job.rethrow();
}

int run_on(ThreadSource& source, int threads, std::span<const Program* const> programs, std::span<const Lane> lanes) {
  if (lanes.empty()) return 0;
  Job job(programs, lanes);
  threads = run_job(job, &source, std::min(static_cast<int>(lanes.size()), threads));
  job.rethrow();
  return threads;
}

}  // namespace n2d2::plan
