#include "n2d2/plan/schedule.h"

#include <algorithm>
#include <utility>

namespace n2d2::plan {
namespace {

using Steps = std::vector<PlannedStep>;

/// Where the steps of a segment begin.
Steps::iterator begin_of(Steps& steps, int segment) {
  return std::find_if(steps.begin(), steps.end(), [=](const PlannedStep& step) { return step.segment >= segment; });
}

/// Whether one of two steps writes what the other one touches.
bool conflict(const PlannedStep& a, const PlannedStep& b) {
  return std::any_of(a.uses.begin(), a.uses.end(), [&](const Use& mine) {
    return std::any_of(b.uses.begin(), b.uses.end(), [&](const Use& other) {
      return mine.operand.storage() == other.operand.storage() && (mine.writes || other.writes);
    });
  });
}

/// False when the node has no step behind the first segment.
bool place(const Packing& packing, Steps& steps) {
  const auto reader = std::find_if(steps.begin(), steps.end(), [&](const PlannedStep& step) { return step.node == packing.node; });
  if (reader == steps.end() || reader->segment == 0) return false;
  for (PlannedStep& step : steps) {
    if (step.node == packing.node) step.uses.push_back(reads(packing.packed, Access::all));
  }
  PlannedStep step;
  step.label = packing.label;
  step.uses = {reads(packing.parameter, Access::all), writes(packing.packed, Access::features)};
  step.run = packing.run;
  step.segment = reader->segment - 1;
  steps.insert(begin_of(steps, step.segment + 1), std::move(step));
  return true;
}

}  // namespace

void pack_before_use(std::vector<Packing>& packings, std::vector<PlannedStep>& steps) {
  std::erase_if(packings, [&](const Packing& packing) { return place(packing, steps); });
}

void store_gradients_early(std::vector<PlannedStep>& steps) {
  for (auto step = steps.begin(); step != steps.end(); ++step) {
    if (step->node == nullptr || step->node->op().name != "AccumulateGradient") continue;
    int complete = -1;
    for (auto before = steps.begin(); before != step; ++before) {
      if (conflict(*before, *step)) complete = before->segment;
    }
    if (complete + 1 >= step->segment) continue;
    step->segment = complete + 1;
    std::rotate(begin_of(steps, complete + 1), step, step + 1);
  }
}

}  // namespace n2d2::plan
