// One thread while several are slower, for 16 runs and then longer.
#include <doctest/doctest.h>

#include "n2d2/plan/threads/pace.h"

namespace n2d2::plan {
namespace {

using std::chrono::microseconds;

/// Runs once with the times given; returns the number of threads chosen.
int once(Pace& pace, int several_us, int single_us = 100) {
  const int threads = pace.threads(2, 32);
  pace.record(threads, 32, microseconds(threads == 1 ? single_us : several_us));
  return threads;
}

TEST_CASE("pace learns the time of one thread and stays with several while they are faster") {
  Pace pace;
  CHECK(once(pace, 60) == 2);
  CHECK(once(pace, 60) == 2);
  CHECK(once(pace, 60) == 1);
  CHECK(once(pace, 60) == 1);
  for (int i = 0; i < 100; ++i) CHECK(once(pace, 60) == 2);
  CHECK(pace.threads(1, 32) == 1);
}

TEST_CASE("pace: two slow runs of four mean one thread for 16 runs, then 32, until it is quiet") {
  Pace pace;
  for (int i = 0; i < 4; ++i) once(pace, 60);
  CHECK(once(pace, 2000) == 2);
  CHECK(once(pace, 60) == 2);
  CHECK(once(pace, 2000) == 2);
  for (int i = 0; i < 16; ++i) CHECK(once(pace, 2000) == 1);
  CHECK(once(pace, 2000) == 2);
  CHECK(once(pace, 2000) == 2);
  for (int i = 0; i < 32; ++i) CHECK(once(pace, 2000) == 1);
  for (int i = 0; i < 8; ++i) CHECK(once(pace, 60) == 2);
  CHECK(once(pace, 2000) == 2);
  CHECK(once(pace, 2000) == 2);
  for (int i = 0; i < 16; ++i) CHECK(once(pace, 2000) == 1);
  CHECK(once(pace, 60) == 2);
}

TEST_CASE("pace: where one thread takes 6 ms, two slow runs mean four runs with it: a disturbance at the start costs little") {
  Pace pace;
  for (int i = 0; i < 4; ++i) once(pace, 3500, 6000);
  CHECK(once(pace, 15000, 6000) == 2);
  CHECK(once(pace, 15000, 6000) == 2);
  for (int i = 0; i < 4; ++i) CHECK(once(pace, 15000, 6000) == 1);
  for (int i = 0; i < 8; ++i) CHECK(once(pace, 3500, 6000) == 2);
}

TEST_CASE("pace: where one thread has become as slow as several, two runs with it are enough") {
  Pace pace;
  for (int i = 0; i < 4; ++i) once(pace, 60);
  CHECK(once(pace, 120, 180) == 2);
  CHECK(once(pace, 110, 180) == 2);
  for (int i = 0; i < 2; ++i) CHECK(once(pace, 120, 180) == 1);
  for (int i = 0; i < 100; ++i) CHECK(once(pace, 120, 180) == 2);
  // Later several are disturbed and one is not.
  for (int i = 0; i < 2; ++i) CHECK(once(pace, 2000) == 2);
  for (int i = 0; i < 16; ++i) CHECK(once(pace, 2000) == 1);
}

TEST_CASE("pace looks at one thread again where the first look was too slow") {
  Pace pace;
  for (int i = 0; i < 4; ++i) once(pace, 110, 150);  // disturbed: one thread really takes 100
  int single = 0;
  for (int i = 0; i < 200; ++i) single += once(pace, 110, 100) == 1;
  CHECK(single > 50);
}

TEST_CASE("pace does not count a run behind a long rest, for which threads had to be woken") {
  Pace pace;
  const auto start = std::chrono::steady_clock::time_point() + std::chrono::hours(1);
  for (int i = 0; i < 40; ++i) {
    const auto at = start + i * std::chrono::milliseconds(50);
    const int threads = pace.threads(2, 32);
    CHECK(threads == 2);
    pace.record(threads, 32, at, at + microseconds(5000));
  }
  for (int i = 0; i < 8; ++i) once(pace, 60);  // one thread takes 100
  auto at = start + std::chrono::hours(1);
  pace.record(pace.threads(2, 32), 32, at, at + microseconds(60));
  for (int i = 0; i < 3; ++i) {  // close together they count
    CHECK(pace.threads(2, 32) == 2);
    pace.record(2, 32, at + microseconds(100), at + microseconds(5000));
    at += microseconds(5000);
    if (pace.threads(2, 32) == 1) break;
  }
  CHECK(pace.threads(2, 32) == 1);
}

TEST_CASE("pace leaves long runs alone, and does not mix sizes") {
  Pace pace;
  for (int i = 0; i < 10; ++i) CHECK(once(pace, 30000) == 2);
  Pace sizes;
  for (int i = 0; i < 4; ++i) once(sizes, 60);
  CHECK(sizes.threads(2, 1) == 2);
  CHECK(sizes.threads(2, 4096) == 2);
}

}  // namespace
}  // namespace n2d2::plan
