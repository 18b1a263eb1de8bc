// Runs programs: lanes over threads, barriers between segments.
#pragma once
#include <span>

#include "n2d2/plan/lane.h"
#include "n2d2/plan/program.h"
#include "n2d2/plan/threads/cpu_limits.h"
#include "n2d2/plan/threads/thread_source.h"

namespace n2d2::plan {

/// Runs the programs one after the other on all lanes. All threads meet between segments and between programs; inside a segment each
/// lane runs its steps in order, lane l on thread l % threads. The number of threads never changes a result.
/// The first exception of a step ends the work and is thrown here after all threads have left. Denormals count as zero meanwhile.
/// Where several threads turn out slower than one (Program::pace of the first program) one is used. A program is run by one caller at
/// a time.
void run(std::span<const Program* const> programs, std::span<const Lane> lanes);

/// The same on at most `threads` threads of that source; returns how many there were.
int run_on(ThreadSource& source, int threads, std::span<const Program* const> programs, std::span<const Lane> lanes);

}  // namespace n2d2::plan
