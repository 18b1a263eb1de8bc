#include "n2d2/plan/threads/cpu_limits.h"

#include <fmt/core.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <thread>

#include "n2d2/core/error.h"

namespace n2d2::plan {
namespace {

constexpr int kNoLimit = std::numeric_limits<int>::max();

/// Cores' worth of time per period, rounded up, in cgroup v2 ("max 100000" or "150000 100000") or v1 (two files).
int quota() {
  double microseconds = -1, period = 0;
  std::ifstream v2("/sys/fs/cgroup/cpu.max");
  std::ifstream v1_quota("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), v1_period("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (!(v2 >> microseconds >> period)) {
    if (!(v1_quota >> microseconds) || !(v1_period >> period)) return kNoLimit;
  }
  if (microseconds <= 0 || period <= 0) return kNoLimit;
  return std::max(1, static_cast<int>(std::ceil(microseconds / period)));
}

int affinity() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof(cores), &cores) == 0) return CPU_COUNT(&cores);
  return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));  // more than 1024 cores do not fit the set
}

/// 0 when not set.
int from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr || *text == '\0') return 0;
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != '\0' || value < 1 || value > kNoLimit) {
    throw ValueError(fmt::format("environment variable {}: expected a number from 1, got '{}'", name, text));
  }
  return static_cast<int>(value);
}

/// OpenMP's variable may be a list, one number per nesting level; what cannot be read is OpenMP's affair.
int from_openmp_environment() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  const long value = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return value < 1 || value > kNoLimit ? 0 : static_cast<int>(value);
}

int wanted_threads() {
  if (const int own = from_environment("N2D2_NUM_THREADS")) return own;
  if (const int openmp = from_openmp_environment()) return openmp;
  return kNoLimit;
}

}  // namespace

int allowed_cores() {
  static const int kQuota = quota();
  return std::min(affinity(), kQuota);
}

int default_lanes() {
  const int lanes = from_environment("N2D2_NUM_LANES");
  return lanes > 0 ? lanes : allowed_cores();
}

int default_threads() {
  using Clock = std::chrono::steady_clock;
  constexpr std::int64_t kInterval = std::chrono::nanoseconds(std::chrono::milliseconds(100)).count();
  static const int kWanted = wanted_threads();
  static std::atomic<std::int64_t> looked_at{-kInterval};
  static std::atomic<int> threads{1};
  const std::int64_t now = Clock::now().time_since_epoch().count();
  if (now - looked_at.load(std::memory_order_acquire) < kInterval) return threads.load(std::memory_order_relaxed);
  threads.store(std::min(allowed_cores(), kWanted), std::memory_order_relaxed);
  looked_at.store(now, std::memory_order_release);
  return threads.load(std::memory_order_relaxed);
}

}  // namespace n2d2::plan
