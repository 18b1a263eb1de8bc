// When one thread is faster than several: other libraries' threads may keep the cores busy (after a matmul of NumPy two threads
// take 14 to 24 times as long as one).
#pragma once
#include <array>
#include <chrono>
#include <cstdint>

namespace n2d2::plan {

/// Belongs to one program and decides before each run by the times of earlier ones. Never changes a bit of the results.
class Pace {
 public:
  /// `most` threads, or 1: to learn the time of one thread, and when two of the last four runs were slower than that, for the
  /// next 16 runs (4 to 16 where they take more than a millisecond), which doubles to 512, or a quarter of a second, as long as it
  /// goes on. Two of these in a row that are no faster than several threads were end it: what slows several down may slow one as
  /// well. Long runs are never tried with one thread.
  int threads(int most, std::int64_t rows);
  /// How long the run took that threads() was asked for, and with how many threads it ran.
  void record(int threads, std::int64_t rows, std::chrono::nanoseconds time);
  /// The same by the clock. A run behind a long rest says nothing: its threads had to be woken first.
  void record(int threads, std::int64_t rows, std::chrono::steady_clock::time_point start, std::chrono::steady_clock::time_point end);

 private:
  struct Entry {  // runs of up to 2^i rows
    std::int64_t runs = 0;
    int single_runs = 0;
    double single_ns = 0;  ///< per row, running mean
    double several_ns = 0;
    unsigned slow = 0;   ///< last four runs, a bit for each that was slower than one thread
    double slow_ns = 0;  ///< per row, of the fastest of those
    int single_left = 0;
    int single_next = 0;
    int as_slow = 0;  ///< runs with one thread in a row that were no faster than those
  };
  /// Ends a time of runs with one thread that help nothing.
  static void check_single(Entry& entry, double ns);
  Entry& entry(std::int64_t rows);

  std::array<Entry, 32> entries_{};
  std::chrono::steady_clock::time_point last_end_{};
};

}  // namespace n2d2::plan
