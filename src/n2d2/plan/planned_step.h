// A step as its kernel prepared it, before barriers and memory are planned.
#pragma once
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::plan {

struct PlannedStep {
  const ir::Node* node = nullptr;
  std::string label;
  std::vector<Use> uses;
  Run run;
  bool single = false;
  bool chunked = false;
  int segment = 0;
};

}  // namespace n2d2::plan
