// Moves steps to other segments so that what they hold is alive for a short time. No barrier is added, no loop is cut.
#pragma once
#include <string>
#include <vector>

#include "n2d2/plan/planned_step.h"

namespace n2d2::plan {

/// Packs a weight for the steps of a node into a copy that all lanes read.
struct Packing {
  const ir::Node* node = nullptr;
  Operand parameter, packed;
  std::string label;
  Run run;  ///< every lane runs it
};

/// Packs at the end of the segment before the one that reads the copy. What the first segment reads stays in `packings`.
void pack_before_use(std::vector<Packing>& packings, std::vector<PlannedStep>& steps);

/// Stores gradients in the segment behind the one that completes them.
void store_gradients_early(std::vector<PlannedStep>& steps);

}  // namespace n2d2::plan
