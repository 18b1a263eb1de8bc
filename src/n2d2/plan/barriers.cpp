#include "n2d2/plan/barriers.h"

#include <map>

namespace n2d2::plan {
namespace {

struct Touch {
  Access access;
  bool writes;
  const ir::Node* node;
  bool single;
};

/// Both steps keep to the same lane's share, so the lane's own order of steps is enough.
bool same_lane(const Touch& a, const Touch& b) {
  if (a.single || b.single) return a.single && b.single;
  if (a.access != b.access) return false;
  if (a.access == Access::features) return a.node == b.node;  // kernels cut features into slices of their own
  return a.access == Access::rows || a.access == Access::own;
}

}  // namespace

int assign_segments(std::vector<PlannedStep>& steps) {
  std::map<const Storage*, std::vector<Touch>> touched;
  int segment = 0;
  for (PlannedStep& step : steps) {
    const auto conflicts = [&](const Use& use) {
      const Touch now{use.access, use.writes, step.node, step.single};
      for (const Touch& before : touched[use.operand.storage()]) {
        if ((before.writes || now.writes) && !same_lane(before, now)) return true;
      }
      return false;
    };
    bool wait = false;
    for (const Use& use : step.uses) wait = wait || conflicts(use);
    if (wait) {
      touched.clear();
      ++segment;
    }
    step.segment = segment;
    for (const Use& use : step.uses) touched[use.operand.storage()].push_back({use.access, use.writes, step.node, step.single});
  }
  return steps.empty() ? 0 : segment + 1;
}

}  // namespace n2d2::plan
