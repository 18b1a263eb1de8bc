// The update of all parameters: every lane takes its slice of each of them.
#pragma once
#include <memory>
#include <vector>

#include "n2d2/plan/backend.h"
#include "n2d2/plan/lane.h"
#include "n2d2/plan/memory/parameter_store.h"
#include "n2d2/plan/program.h"

namespace n2d2::plan {

class UpdateProgram {
 public:
  /// Throws StateError when a trainable parameter has no solver.
  UpdateProgram(ParameterStore& store, const Backend& backend, int lanes);
  UpdateProgram(const UpdateProgram&) = delete;
  UpdateProgram& operator=(const UpdateProgram&) = delete;

  /// Applies the gradients stored since the last update; `rows` is the number of rows they were made from.
  void run(std::int64_t rows);
  /// The same in three parts: between begin() and end() somebody runs program() on all lanes.
  void begin(std::int64_t rows);
  const Program& program() const { return program_; }
  void end();

 private:
  struct Group {
    std::shared_ptr<solvers::Solver> solver;
    solvers::UpdateArguments arguments;
    std::vector<StateEntry*> entries;
  };
  struct Segment {
    StateEntry* entry;
    const solvers::UpdateArguments* arguments;
    std::vector<float*> slots;
  };
  void update_slice(const Lane& lane) const;

  const Backend& backend_;
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<Segment> segments_;
  Program program_;
  std::vector<Lane> run_lanes_;
};

}  // namespace n2d2::plan
