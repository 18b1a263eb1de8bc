#include "n2d2/plan/threads/executor.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>

#include "n2d2/core/denormals.h"
#include "n2d2/plan/threads/barrier.h"
#include "n2d2/plan/threads/pace.h"
#include "n2d2/plan/threads/thread_choice.h"

namespace n2d2::plan {
namespace {

class Job {
 public:
  Job(std::span<const Program* const> programs, std::span<const Lane> lanes) : programs_(programs), lanes_(lanes) {}

  void operator()(int thread, int threads) {
    const FlushDenormals flush;
    bool is_first = true;
    for (const Program* program : programs_) {
      std::size_t first_step = 0;
      for (const auto& segment : program->segments) {
        if (threads > 1 && !is_first) barrier_.wait(threads);
        is_first = program->keeps_to_lanes && is_first;
        run_segment(*program, segment, first_step, static_cast<std::size_t>(thread), static_cast<std::size_t>(threads));
        first_step += segment.size();
      }
    }
  }

  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void run_segment(const Program& program, const std::vector<Step>& segment, std::size_t first_step, std::size_t thread,
                   std::size_t threads) {
    const bool is_timed = !program.nanoseconds.empty();
    try {
      for (std::size_t l = thread; l < lanes_.size(); l += threads) {
        const auto run_step = [&](std::size_t i, const Lane& lane) {
          if (has_failed_.load(std::memory_order_relaxed) || (segment[i].single && lane.index != 0)) return;
          is_timed ? run_timed(segment[i], lane, program.nanoseconds[l][first_step + i]) : segment[i].run(lane);
        };
        for (std::size_t i = 0; i < segment.size();) {
          std::size_t end = i + 1;
          while (end < segment.size() && segment[end].loop == segment[i].loop) ++end;
          each_chunk(lanes_[l], segment[i].chunk_rows, [&](const Lane& lane) {
            for (std::size_t step = i; step < end; ++step) run_step(step, lane);
          });
          i = end;
        }
      }
    } catch (...) {
      if (!has_failed_.exchange(true)) error_ = std::current_exception();
    }
  }

  /// Calls body(lane with the rows of a chunk) for every chunk of the lane, once also when it has no rows.
  template <class Body>
  static void each_chunk(const Lane& lane, std::int64_t chunk_rows, const Body& body) {
    if (chunk_rows <= 0 || lane.rows <= chunk_rows) return body(lane);
    Lane chunk = lane;
    for (std::int64_t row = 0; row < lane.rows; row += chunk_rows) {
      chunk.row0 = lane.row0 + row;
      chunk.rows = std::min(chunk_rows, lane.rows - row);
      chunk.is_first = row == 0;
      chunk.is_last = row + chunk_rows >= lane.rows;
      body(chunk);
    }
  }

  static void run_timed(const Step& step, const Lane& lane, std::int64_t& nanoseconds) {
    const auto start = std::chrono::steady_clock::now();
    step.run(lane);
    nanoseconds += (std::chrono::steady_clock::now() - start).count();
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
    pace.record(used, rows, start, Clock::now());
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
