// A program: steps in segments; inside a segment lanes need not wait for each other, between segments all do.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "n2d2/plan/lane.h"
#include "n2d2/plan/pace.h"

namespace n2d2::plan {

/// One kernel call for one lane. Allocates nothing, checks nothing.
using Run = std::function<void(const Lane& lane)>;

struct Step {
  std::string label;  ///< node label and kernel, for logs and profiles
  Run run;
  bool single = false;  ///< lane 0 alone runs it
};

struct Program {
  std::vector<std::vector<Step>> segments;
  mutable Pace pace{};  ///< times of earlier runs, which choose between one thread and several
  bool empty() const { return segments.empty(); }
};

}  // namespace n2d2::plan
