// Where the time of a plan's runs goes, step by step.
#pragma once
#include <cstdint>
#include <string>

#include "n2d2/plan/program.h"

namespace n2d2::plan {

/// Times the steps of the program from now on, from zero; or no longer.
void set_profiling(const Program& program, int lanes, bool on);
/// A line per step: microseconds a run of the slowest and of all lanes, share of the program, floating-point operations and bytes per
/// second where they are known; `runs` and `rows` are those since set_profiling.
std::string profile_text(const Program& program, std::int64_t runs, std::int64_t rows);

}  // namespace n2d2::plan
