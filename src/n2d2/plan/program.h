// A program: steps in segments; inside a segment lanes need not wait for each other, between segments all do.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "n2d2/plan/lane.h"
#include "n2d2/plan/threads/pace.h"

namespace n2d2::plan {

/// One kernel call for one lane. Allocates nothing, checks nothing.
using Run = std::function<void(const Lane& lane)>;

struct Step {
  std::string label;  ///< node label and kernel, for logs and profiles
  Run run;
  bool single = false;          ///< lane 0 alone runs it
  int loop = 0;                 ///< steps of one loop go through chunks of rows together
  std::int64_t chunk_rows = 0;  ///< of the loop; 0: a lane takes all its rows at once
  // For profiles; the first step of a node counts for all of them.
  double flops_per_row = 0;
  double bytes_per_row = 0;  ///< of the batched operands
};

struct Program {
  bool keeps_to_lanes = false;  ///< what a lane writes no other one reads: what follows need not wait
  std::vector<std::vector<Step>> segments;
  mutable Pace pace{};  ///< times of earlier runs, which choose between one thread and several
  /// Time of every step so far, by lane and then step by step through all segments; empty: not measured.
  mutable std::vector<std::vector<std::int64_t>> nanoseconds{};
  bool empty() const { return segments.empty(); }
};

}  // namespace n2d2::plan
