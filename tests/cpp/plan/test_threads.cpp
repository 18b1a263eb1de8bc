// Barriers, own threads, forks, limits of the environment.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "n2d2/core/error.h"
#include "n2d2/plan/threads/barrier.h"
#include "n2d2/plan/threads/cpu_limits.h"
#include "n2d2/plan/threads/executor.h"
#include "n2d2/plan/threads/openmp_team.h"
#include "n2d2/plan/threads/own_threads.h"

namespace n2d2::plan {
namespace {

TEST_CASE("barrier: nobody is a round ahead, writes before it are seen after it") {
  constexpr int kThreads = 3, kRounds = 2000;
  struct State {
    Barrier barrier;
    std::array<int, kThreads> rounds{};
    std::atomic<int> wrong{0};
  } state;
  OwnThreads threads;
  const ThreadWork work{[](void* context, int thread, int count) {
                          State& s = *static_cast<State*>(context);
                          for (int round = 1; round <= kRounds; ++round) {
                            s.rounds[static_cast<std::size_t>(thread)] = round;
                            s.barrier.wait(count);
                            for (const int other : s.rounds) s.wrong += other != round;
                            s.barrier.wait(count);
                          }
                        },
                        &state};
  CHECK(threads.run(kThreads, work) == kThreads);
  CHECK(state.wrong == 0);
}

TEST_CASE("own threads: right after a run, after they went to sleep, and with a growing number") {
  OwnThreads threads;
  std::array<std::atomic<int>, 4> calls{};
  const ThreadWork work{
      [](void* context, int thread, int) { ++(*static_cast<std::array<std::atomic<int>, 4>*>(context))[static_cast<std::size_t>(thread)]; },
      &calls};
  for (int i = 0; i < 200; ++i) CHECK(threads.run(2, work) == 2);
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    CHECK(threads.run(4, work) == 4);
  }
  CHECK(threads.run(1, work) == 1);
  CHECK(threads.workers() == 3);
  CHECK(calls[0] == 206);
  CHECK(calls[1] == 205);
  CHECK(calls[3] == 5);
}

TEST_CASE("own threads: two callers at once") {
  OwnThreads threads;
  std::atomic<int> calls{0};
  const ThreadWork work{[](void* context, int thread, int) { *static_cast<std::atomic<int>*>(context) += thread == 0; }, &calls};
  const auto call = [&] {
    for (int i = 0; i < 500; ++i) threads.run(2, work);
  };
  std::thread other(call);
  call();
  other.join();
  CHECK(calls == 1000);
}

/// Runs a program of `lanes` lanes through the process-wide choice of threads; returns whether every lane ran.
bool all_lanes_run(int lanes) {
  std::vector<int> ran(static_cast<std::size_t>(lanes), 0);
  Program program;
  for (int i = 0; i < 10; ++i) {
    program.segments.push_back({Step{"mark", [&](const Lane& lane) { ++ran[static_cast<std::size_t>(lane.index)]; }, false}});
  }
  std::vector<Lane> all;
  for (int i = 0; i < lanes; ++i) all.push_back({.index = i, .count = lanes, .rows = 1, .total_rows = lanes});
  const std::array<const Program*, 1> programs = {&program};
  run(programs, all);
  return ran == std::vector<int>(ran.size(), 10);
}

/// The exit status of a child that runs `body` within ten seconds.
template <class Body>
int status_of_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(10);  // a child that hangs dies by the signal
    _exit(body() ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

TEST_CASE("a fork in the middle: child and grandchild compute, the parent goes on") {
  REQUIRE(all_lanes_run(3));
  CHECK(status_of_child([] { return all_lanes_run(3) && all_lanes_run(2); }) == 0);
  CHECK(status_of_child([] { return all_lanes_run(3) && status_of_child([] { return all_lanes_run(3); }) == 0; }) == 0);
  CHECK(all_lanes_run(3));
}

TEST_CASE("limits: affinity bounds the cores, variables are checked") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof(before), &before) == 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
  REQUIRE(sched_setaffinity(0, sizeof(one), &one) == 0);
  CHECK(allowed_cores() == 1);
  REQUIRE(sched_setaffinity(0, sizeof(before), &before) == 0);
  CHECK(allowed_cores() >= 1);
  CHECK(allowed_cores() <= CPU_COUNT(&before));

  const char* set = std::getenv("N2D2_NUM_LANES");
  const std::string saved = set == nullptr ? "" : set;
  setenv("N2D2_NUM_LANES", "5", 1);
  CHECK(default_lanes() == 5);
  setenv("N2D2_NUM_LANES", "0", 1);
  CHECK_THROWS_WITH_AS(default_lanes(), "environment variable N2D2_NUM_LANES: expected a number from 1, got '0'", ValueError);
  setenv("N2D2_NUM_LANES", "two", 1);
  CHECK_THROWS_AS(default_lanes(), ValueError);
  unsetenv("N2D2_NUM_LANES");
  CHECK(default_lanes() == allowed_cores());
  if (set != nullptr) setenv("N2D2_NUM_LANES", saved.c_str(), 1);
}

TEST_CASE("torch is not found where it is not loaded, nor a team in what has none") {
  CHECK(find_torch().empty());
  CHECK(loaded_libraries() > 0);
  CHECK_THROWS_WITH_AS(OpenMpTeam("/nowhere/libtorch_cpu.so"), "/nowhere/libtorch_cpu.so is not loaded in this process", BackendError);
}

}  // namespace
}  // namespace n2d2::plan
