// How many cores this process may use, and what the environment asks for.
#pragma once

namespace n2d2::plan {

/// Cores of the affinity mask, or fewer when a cgroup grants less time than that.
int allowed_cores();
/// Lanes of a plan: N2D2_NUM_LANES, else the allowed cores. They alone determine the bits of the results.
/// Throws ValueError when the variable is not a number from 1.
int default_lanes();
/// Most threads of a run: N2D2_NUM_THREADS, else OMP_NUM_THREADS, but no more than allowed cores; looked up again every 100 ms.
/// Throws ValueError when N2D2_NUM_THREADS is not a number from 1.
int default_threads();

}  // namespace n2d2::plan
