// Where the threads of a run come from: our own, or the team of the framework that computes in the same process.
#pragma once

namespace n2d2::plan {

/// What each thread does. `threads` is the real number, which may be smaller than the wanted one.
struct ThreadWork {
  void (*function)(void* context, int thread, int threads) = nullptr;  ///< must not throw
  void* context = nullptr;
  void operator()(int thread, int threads) const { function(context, thread, threads); }
};

class ThreadSource {
 public:
  virtual ~ThreadSource() = default;
  virtual const char* name() const = 0;
  /// Runs `work` on up to `wanted` threads at the same time, the caller being thread 0, and returns their number when all are done.
  virtual int run(int wanted, const ThreadWork& work) = 0;
};

}  // namespace n2d2::plan
