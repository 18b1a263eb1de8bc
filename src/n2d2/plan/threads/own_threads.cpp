#include "n2d2/plan/threads/own_threads.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <system_error>

#include "n2d2/plan/threads/cpu_limits.h"
#include "n2d2/plan/threads/spin.h"

namespace n2d2::plan {
namespace {

/// Longer than the time between two steps of Keras' fit on a small network (0.26 to 0.32 ms), measured.
constexpr std::chrono::microseconds kIdleSpin{500};

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));
void futex(std::atomic<std::uint32_t>& word, int operation, std::uint32_t value) {
  syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), operation | FUTEX_PRIVATE_FLAG, value, nullptr, nullptr, 0);
}

}  // namespace

/// One thread and the cell through which it is called: `called_` counts runs, `done_` follows.
class alignas(64) OwnThreads::Worker {
 public:
  explicit Worker(int thread) : thread_(thread) {
    sigset_t all, before;  // signals are for the threads of the host
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error =
        pthread_create(&handle_, nullptr, [](void* self) -> void* { return static_cast<Worker*>(self)->loop(), nullptr; }, this);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) throw std::system_error(error, std::system_category(), "pthread_create");
    pthread_setname_np(handle_, "n2d2");
  }
  ~Worker() {
    ends_ = true;
    call(nullptr, 0);
    pthread_join(handle_, nullptr);
  }

  void call(const ThreadWork* work, int threads) {
    work_ = work;
    threads_ = threads;
    called_.fetch_add(1, std::memory_order_seq_cst);
    if (sleeps_.load(std::memory_order_seq_cst)) futex(called_, FUTEX_WAKE, 1);
  }
  bool is_done() const { return done_.load(std::memory_order_acquire) == called_.load(std::memory_order_relaxed); }
  void set_affinity(const cpu_set_t& cores) { pthread_setaffinity_np(handle_, sizeof(cores), &cores); }

 private:
  void loop() {
    std::uint32_t seen = 0;
    while (true) {
      wait_for_call(seen);
      ++seen;
      if (ends_) return;
      (*work_)(thread_, threads_);
      done_.store(seen, std::memory_order_release);
    }
  }

  void wait_for_call(std::uint32_t seen) {
    const auto is_called = [&] { return called_.load(std::memory_order_acquire) != seen; };
    if (spin_for(kIdleSpin, is_called)) return;
    sleeps_.store(true, std::memory_order_seq_cst);
    while (called_.load(std::memory_order_seq_cst) == seen) futex(called_, FUTEX_WAIT, seen);
    sleeps_.store(false, std::memory_order_relaxed);
  }

  std::atomic<std::uint32_t> called_{0};
  std::atomic<bool> sleeps_{false};
  const ThreadWork* work_ = nullptr;
  int threads_ = 0;
  bool ends_ = false;
  alignas(64) std::atomic<std::uint32_t> done_{0};
  int thread_;
  pthread_t handle_{};
};

OwnThreads::OwnThreads() = default;
OwnThreads::~OwnThreads() = default;

/// Makes fewer when the system grants no more: any number of threads will do.
void OwnThreads::make_workers(int count) {
  try {
    while (workers() < count) {
      workers_.push_back(std::make_unique<Worker>(workers() + 1));
      callers_core_ = -1;
    }
  } catch (const std::system_error&) {
    most_workers_ = workers();
  }
}

/// A worker that wakes on the caller's core waits for it to leave (measured: 15 times slower steps). Only where every allowed core has
/// a thread: with more cores than threads the kernel finds a free one.
void OwnThreads::keep_off_callers_core(int threads) {
  const int core = sched_getcpu();
  if (core == callers_core_) return;
  callers_core_ = core;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (core < 0 || sched_getaffinity(0, sizeof(cores), &cores) != 0) return;
  if (threads >= CPU_COUNT(&cores) && CPU_COUNT(&cores) > 1) CPU_CLR(core, &cores);
  for (const auto& worker : workers_) worker->set_affinity(cores);
}

int OwnThreads::run(int wanted, const ThreadWork& work) {
  const std::unique_lock lock(in_use_, std::try_to_lock);
  if (wanted < 2 || !lock.owns_lock()) {
    work(0, 1);
    return 1;
  }
  make_workers(std::min(wanted - 1, most_workers_));
  wanted = std::min(wanted, workers() + 1);
  keep_off_callers_core(wanted);
  for (int i = 0; i < wanted - 1; ++i) workers_[static_cast<std::size_t>(i)]->call(&work, wanted);
  work(0, wanted);
  for (int i = 0; i < wanted - 1; ++i) wait_until([&] { return workers_[static_cast<std::size_t>(i)]->is_done(); });
  return wanted;
}

}  // namespace n2d2::plan
