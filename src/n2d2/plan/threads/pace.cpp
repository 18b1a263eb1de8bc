#include "n2d2/plan/threads/pace.h"

#include <algorithm>
#include <bit>

namespace n2d2::plan {
namespace {

constexpr double kLongNs = 20e6;  // disturbances last milliseconds: they do not rule such runs
constexpr int kSingleTries = 2;
constexpr int kRetry = 128;       // runs until the time of one thread is looked at again: the first ones may have been disturbed
constexpr double kClearly = 1.5;  // but not where several threads are that much faster
constexpr int kLeastBackOff = 4;
constexpr int kFirstBackOff = 16;
constexpr double kFirstBackOffNs = 20e6;
constexpr int kLongestBackOff = 512;
constexpr double kLongestBackOffNs = 250e6;  // disturbances pass: long runs look again after fewer of them
constexpr unsigned kWindow = 0b1111;
constexpr std::chrono::milliseconds kLongRest{20};

}  // namespace

Pace::Entry& Pace::entry(std::int64_t rows) {
  const auto width = static_cast<std::size_t>(std::bit_width(static_cast<std::uint64_t>(std::max<std::int64_t>(rows, 1)) - 1));
  return entries_[std::min(width, entries_.size() - 1)];
}

int Pace::threads(int most, std::int64_t rows) {
  if (most < 2) return 1;
  const Entry& e = entry(rows);
  if (e.runs < 2) return most;  // the first is cold
  if (e.several_ns * static_cast<double>(rows) > kLongNs) return most;
  if (e.single_runs < kSingleTries || e.single_left > 0) return 1;
  return e.runs % kRetry == 0 && e.single_ns < kClearly * e.several_ns ? 1 : most;
}

void Pace::record(int threads, std::int64_t rows, std::chrono::nanoseconds time) {
  Entry& e = entry(rows);
  const double ns = static_cast<double>(time.count()) / static_cast<double>(std::max<std::int64_t>(rows, 1));
  ++e.runs;
  if (threads == 1) {
    e.single_ns = e.single_runs == 0 ? ns : std::min(ns, e.single_ns + (ns - e.single_ns) / 4);
    e.single_runs = std::min(e.single_runs + 1, kSingleTries);
    if (e.single_left > 0) check_single(e, ns);
    return;
  }
  e.several_ns = ns;
  if (e.single_runs < kSingleTries) return;
  e.slow = (e.slow << 1 | (ns > e.single_ns ? 1U : 0U)) & kWindow;
  const double run_ns = std::max(1.0, e.single_ns * static_cast<double>(std::max<std::int64_t>(rows, 1)));
  if (e.slow == 0 || e.single_next == 0)
    e.single_next = std::clamp(static_cast<int>(kFirstBackOffNs / run_ns), kLeastBackOff, kFirstBackOff);
  if (ns > e.single_ns) e.slow_ns = std::popcount(e.slow) == 1 ? ns : std::min(ns, e.slow_ns);
  if (std::popcount(e.slow) < 2) return;
  e.slow = 0;
  e.as_slow = 0;
  e.single_left = e.single_next;
  const int longest = std::clamp(static_cast<int>(kLongestBackOffNs / run_ns), kFirstBackOff, kLongestBackOff);
  e.single_next = std::min(e.single_next * 2, longest);
}

void Pace::check_single(Entry& e, double ns) {
  --e.single_left;
  e.as_slow = ns < e.slow_ns ? 0 : e.as_slow + 1;
  if (e.as_slow < kSingleTries) return;
  e.single_ns = ns;
  e.single_left = e.single_next = 0;
}

void Pace::record(int threads, std::int64_t rows, std::chrono::steady_clock::time_point start, std::chrono::steady_clock::time_point end) {
  if (start - last_end_ < kLongRest) record(threads, rows, end - start);
  last_end_ = end;
}

}  // namespace n2d2::plan
