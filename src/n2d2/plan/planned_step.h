// A step as its kernel prepared it, before barriers and memory are planned.
#pragma once
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::plan {

struct PlannedStep {
  const ir::Node* node = nullptr;  ///< null: packs a weight
  std::string label;
  std::vector<Use> uses;
  Run run;
  bool single = false;
  bool chunked = false;
  int segment = 0;
  int loop = 0;                 ///< number of the loop it is in: steps that go through chunks together, or one other step
  std::int64_t chunk_rows = 0;  ///< of its loop; 0: all rows of a lane at once
};

}  // namespace n2d2::plan
