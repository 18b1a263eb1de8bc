// From a graph to the parts of a plan: passes, kernels, barriers, memory.
#pragma once
#include "n2d2/passes/autodiff.h"
#include "n2d2/plan/collecting_emitter.h"
#include "n2d2/plan/plan.h"

namespace n2d2::plan {

class Compiler {
 public:
  Compiler(Plan& plan, const Backend& backend) : plan_(plan), backend_(backend) {}
  void run();

 private:
  void run_passes();
  void choose_kernel(CollectingEmitter& emitter, const ir::Node& node) const;
  void store_gradients_directly(CollectingEmitter& emitter, StorageMap& storages) const;
  void bind_names(StorageMap& storages);
  static Program program_of(std::vector<PlannedStep>& steps);

  Plan& plan_;
  const Backend& backend_;
  passes::Backward backward_;
  std::size_t forward_outputs_ = 0;
};

}  // namespace n2d2::plan
