// Where all lanes have to wait for each other, derived from what the steps touch.
#pragma once
#include <vector>

#include "n2d2/plan/planned_step.h"

namespace n2d2::plan {

/// Sets the segment of every step of one program: a step that touches what another lane may have written, or writes what
/// another lane may still read, opens a new segment. Returns the number of segments.
int assign_segments(std::vector<PlannedStep>& steps);

}  // namespace n2d2::plan
