// What the planner asks of a backend: its graph passes, its kernels, and the solvers' loop.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::solvers {
struct UpdateArguments;
}

namespace n2d2::plan {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;
  /// All operators: the general ones and those of this backend alone, which its passes make.
  virtual const ir::OpSet& op_set() const = 0;
  /// Fusion and layout, after the general passes.
  virtual void run_passes(ir::Graph& graph) const = 0;
  /// Kernels in order of preference.
  virtual const std::vector<KernelEntry>& kernels() const = 0;
  /// One solver step on `count` weights, which may be any slice of a parameter; `slots` holds the solver's state for the same slice.
  virtual void update(const solvers::UpdateArguments& arguments, float* weights, const float* gradient, float* const* slots,
                      std::int64_t count) const = 0;
};

}  // namespace n2d2::plan
