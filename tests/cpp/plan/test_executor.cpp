// Programs on one to several threads: order, equal results, exceptions, denormals.
#include <doctest/doctest.h>

#include <array>
#include <atomic>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "n2d2/plan/threads/executor.h"
#include "n2d2/plan/threads/own_threads.h"

namespace n2d2::plan {
namespace {

std::vector<Lane> make_lanes(int count, std::int64_t rows) {
  std::vector<Lane> lanes;
  for (int i = 0; i < count; ++i) {
    const Range range = part_of(rows, i, count);
    lanes.push_back({.index = i, .count = count, .row0 = range.begin, .rows = range.size(), .total_rows = rows});
  }
  return lanes;
}

/// x <- f(x) on the lane's rows, then a sum by lane 0, then everything minus the sum; repeated, so that each phase needs the one before.
struct Chain {
  std::vector<float> x;
  float sum = 0;
  Program program;

  explicit Chain(std::int64_t rows, int repeats) : x(static_cast<std::size_t>(rows)) {
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) * 0.25F;
    for (int i = 0; i < repeats; ++i) {
      program.segments.push_back({Step{"scale", [this](const Lane& lane) { scale(lane); }, false}});
      program.segments.push_back({Step{"sum", [this](const Lane&) { total(); }, true}});
      program.segments.push_back({Step{"shift", [this](const Lane& lane) { shift(lane); }, false}});
    }
  }
  void scale(const Lane& lane) {
    for (std::int64_t i = lane.row0; i < lane.row0 + lane.rows; ++i) x[static_cast<std::size_t>(i)] *= 1.0009765F;
  }
  void total() {
    sum = 0;
    for (const float value : x) sum += value;
  }
  void shift(const Lane& lane) {
    for (std::int64_t i = lane.row0; i < lane.row0 + lane.rows; ++i) x[static_cast<std::size_t>(i)] -= sum * 1e-4F;
  }
};

TEST_CASE("any number of threads gives the same bits") {
  Chain expected(61, 50);
  OwnThreads threads;
  const std::array<const Program*, 2> twice = {&expected.program, &expected.program};
  CHECK(run_on(threads, 1, twice, make_lanes(4, 61)) == 1);
  for (const int count : {2, 3, 4}) {
    Chain chain(61, 50);
    const std::array<const Program*, 2> programs = {&chain.program, &chain.program};
    CHECK(run_on(threads, count, programs, make_lanes(4, 61)) == count);
    CHECK(chain.x == expected.x);
  }
  Chain chain(61, 50);
  const std::array<const Program*, 2> programs = {&chain.program, &chain.program};
  run(programs, make_lanes(4, 61));
  CHECK(chain.x == expected.x);
}

TEST_CASE("no more threads than lanes, and lanes without rows run too") {
  OwnThreads threads;
  std::atomic<int> calls{0};
  Program program;
  program.segments.push_back({Step{"count", [&](const Lane&) { ++calls; }, false}});
  const std::array<const Program*, 1> programs = {&program};
  CHECK(run_on(threads, 8, programs, make_lanes(3, 2)) == 3);
  CHECK(calls == 3);
  CHECK(run_on(threads, 8, programs, {}) == 0);
  run(programs, {});
  CHECK(calls == 3);
}

TEST_CASE("inside a segment a lane runs its steps in order") {
  OwnThreads threads;
  std::array<std::string, 5> seen;
  Program program;
  program.segments.emplace_back();
  for (const char* name : {"a", "b", "c"}) {
    program.segments.back().push_back(
        Step{name, [&, name](const Lane& lane) { seen[static_cast<std::size_t>(lane.index)] += name; }, false});
  }
  const std::array<const Program*, 1> programs = {&program};
  run_on(threads, 2, programs, make_lanes(5, 5));
  for (const std::string& text : seen) CHECK(text == "abc");
}

TEST_CASE("an exception of any lane reaches the caller and the threads stay usable") {
  OwnThreads threads;
  for (const int thread_count : {1, 2, 3}) {
    for (int failing = 0; failing < 3; ++failing) {
      std::atomic<int> later{0};
      Program program;
      program.segments.push_back({Step{"fails",
                                       [&](const Lane& lane) {
                                         if (lane.index == failing) throw std::runtime_error("lane failed");
                                       },
                                       false}});
      program.segments.push_back({Step{"later", [&](const Lane&) { ++later; }, false}});
      const std::array<const Program*, 1> programs = {&program};
      CHECK_THROWS_WITH_AS(run_on(threads, thread_count, programs, make_lanes(3, 3)), "lane failed", std::runtime_error);
      CHECK(later == 0);
    }
  }
  Chain chain(8, 1);
  const std::array<const Program*, 1> programs = {&chain.program};
  CHECK(run_on(threads, 3, programs, make_lanes(3, 8)) == 3);
}

TEST_CASE("steps run with denormals as zero, the caller's modes come back") {
  OwnThreads threads;
  std::array<float, 3> halves{1, 1, 1};
  Program program;
  program.segments.push_back({Step{"half",
                                   [&](const Lane& lane) {
                                     volatile float x = std::numeric_limits<float>::min();
                                     halves[static_cast<std::size_t>(lane.index)] = x * 0.5F;
                                   },
                                   false}});
  const std::array<const Program*, 1> programs = {&program};
  run_on(threads, 3, programs, make_lanes(3, 3));
  CHECK(halves == std::array<float, 3>{0, 0, 0});
  volatile float x = std::numeric_limits<float>::min();
  CHECK(x * 0.5F > 0.0F);
}

}  // namespace
}  // namespace n2d2::plan
