// A graph bound to a capacity, a number of lanes and a backend: programs, memory, and what the caller has to bind.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/backend.h"
#include "n2d2/plan/memory/aligned_buffer.h"
#include "n2d2/plan/memory/memory_planner.h"
#include "n2d2/plan/program.h"

namespace n2d2::plan {

struct PlanOptions {
  std::int64_t capacity = 1;  ///< most rows of one run
  int lanes = 1;
  bool keep = false;             ///< also make the backward program
  bool input_gradients = false;  ///< backward also gives the gradients of the float inputs
  /// Forward and backward in one program: output 0 is a loss, whose gradient is 1; the others are not differentiated.
  bool step = false;
};

/// What a plan needs from outside, by region; -1 where the plan does not have it.
struct Externals {
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::vector<int> output_gradients;
  std::vector<int> input_gradients;
  std::map<std::string, int> state;       ///< parameters, buffers and stored gradients ("gradient:<parameter>")
  std::vector<std::string> gradients_of;  ///< parameters whose gradient backward stores
};

/// Memory that one pending forward keeps until its backward.
struct SavedBlock {
  std::vector<AlignedBuffer> local;  ///< one per lane
  AlignedBuffer shared;
};

class Plan {
 public:
  Plan(const ir::Graph& graph, const Backend& backend, const PlanOptions& options);
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const PlanOptions& options() const { return options_; }
  const Externals& externals() const { return externals_; }
  const RegionSizes& sizes() const { return sizes_; }
  const ir::Graph& graph() const { return graph_; }

  void bind(int region, void* address);
  void bind_saved(SavedBlock& block);
  std::unique_ptr<SavedBlock> make_saved_block() const;

  /// Copies the parameters into the kernels' own formats.
  void pack();
  void forward(std::int64_t rows, const RunArguments& arguments);
  /// Both as one run: threads are called once.
  void pack_and_forward(std::int64_t rows, const RunArguments& arguments);
  void backward(std::int64_t rows, const RunArguments& arguments);
  /// Of a plan in step form: pack, forward and backward, then `update`, as one run.
  void step(std::int64_t rows, const RunArguments& arguments, const Program& update);

  /// Times every step from now on, or no longer.
  void set_profiling(bool on);
  /// What was timed, program by program; empty when nothing ran.
  std::string profile_text() const;

  /// Graph after all passes, the kernel of every step with its segment, and the bytes of every region.
  std::string text() const;

 private:
  friend class Compiler;
  void run(std::span<const Program* const> programs, std::int64_t rows, const RunArguments& arguments);

  PlanOptions options_;
  ir::Graph graph_;
  std::deque<Storage> storages_;
  Externals externals_;
  RegionSizes sizes_;
  Program pack_, forward_, backward_;
  std::vector<AlignedBuffer> local_arenas_, packed_own_;
  AlignedBuffer shared_arena_, packed_;
  std::vector<std::vector<char*>> bases_;  ///< per lane: start of each region
  std::vector<Lane> run_lanes_;
  std::int64_t timed_runs_[3] = {};  ///< of pack, forward, backward
  std::int64_t timed_rows_[3] = {};
};

}  // namespace n2d2::plan
