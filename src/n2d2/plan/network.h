// What runs: one parameter store, a graph per mode, plans made when first needed, and the forwards that wait for their backward.
#pragma once
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "n2d2/plan/backend.h"
#include "n2d2/plan/memory/parameter_store.h"
#include "n2d2/plan/pending.h"
#include "n2d2/plan/plan.h"
#include "n2d2/plan/update_program.h"

namespace n2d2::plan {

enum class Mode { train, evaluate };

struct ForwardCall {
  std::vector<void*> inputs;  ///< row-major, batch on axis 0; unchanged until backward when `keep`
  std::int64_t rows = 0;
  std::vector<void*> outputs;  ///< row-major
  Mode mode = Mode::evaluate;
  bool keep = false;             ///< a backward will follow
  bool input_gradients = false;  ///< and it will ask for the gradients of the inputs
  std::uint64_t key = 0;         ///< of the random numbers of this forward
};

struct BackwardCall {
  std::int64_t state = 0;
  std::vector<void*> inputs;            ///< of its forward, where they lie now; empty: where they lay then
  std::vector<void*> output_gradients;  ///< null: zero
  std::vector<void*> input_gradients;   ///< null: not wanted
  bool weights = true;                  ///< also store the parameters' gradients
  bool accumulate = false;              ///< add to the stored gradients
  bool keep = false;                    ///< another backward of this state may follow
};

/// A training step with its loss. Losses are nodes with inputs (output 0 of the network, targets).
struct StepCall {
  std::vector<void*> inputs;  ///< as in ForwardCall
  std::string loss;           ///< operator
  bool by_class = false;      ///< targets are int64 [rows]; else float32 as the output
  void* targets = nullptr;
  void* output = nullptr;  ///< where output 0 goes; null: nobody asks
  std::int64_t rows = 0;
  std::uint64_t key = 0;
};

class Network {
 public:
  /// `lanes` 0: by rule (N2D2_NUM_LANES, else the allowed cores).
  Network(const Backend& backend, std::int64_t capacity, int lanes = 0);
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;
  ~Network();

  void set_graph(Mode mode, const ir::Graph& graph);
  void bind(const std::string& name, void* memory);
  void bind_gradient(const std::string& parameter, void* memory);
  void set_trainable(const std::vector<std::string>& parameters);
  void set_solver(const std::string& parameter, std::shared_ptr<solvers::Solver> solver);

  /// Returns the id of the pending state when `keep`, else 0.
  std::int64_t forward(const ForwardCall& call);
  void backward(const BackwardCall& call);
  /// Forward, loss, backward and update as one run; returns the loss before the update.
  float step(const StepCall& call);
  void drop(std::int64_t state);
  void update();
  /// Parameters were written by others: evaluation packs them anew.
  void refresh();

  ParameterStore& store() { return store_; }
  std::uint64_t update_count() const { return update_count_; }
  std::int64_t capacity() const { return capacity_; }
  int lanes() const { return lanes_; }
  std::int64_t plans_made() const { return plans_made_; }
  std::size_t pending() const { return pending_.count(); }
  std::string plan_text();
  /// Times every step of every plan from now on, or no longer; plans made later too.
  void set_profiling(bool on);
  /// Where the time went since then, plan by plan.
  std::string profile_text();

 private:
  std::shared_ptr<PlanEntry>& plan_for(PlanKey key, std::int64_t rows);
  ir::Graph graph_for(const PlanKey& key) const;
  void check_classes(const StepCall& call) const;
  void grow(std::int64_t rows);
  std::int64_t capacity_for(std::int64_t rows) const;
  void check(Mode mode, const std::vector<void*>& given, std::int64_t rows) const;
  void bind_state(PlanEntry& entry);
  void prepare(PlanEntry& entry, const std::vector<void*>& inputs);
  std::string title_of(const PlanKey& key, const PlanEntry& entry) const;
  void check_current(const Pending& pending) const;

  const Backend& backend_;
  std::int64_t capacity_;
  int lanes_;
  ParameterStore store_;
  std::map<Mode, ir::Graph> graphs_;
  std::array<std::size_t, 2> input_counts_{};           ///< by mode
  std::vector<std::vector<std::string>> trained_sets_;  ///< seen so far: scripts freeze and thaw a network in every step
  std::size_t trained_ = 0;                             ///< the present one, counted from 1; 0: as the graphs say
  std::map<PlanKey, std::shared_ptr<PlanEntry>> plans_;
  std::int64_t plans_made_ = 0;
  PendingStates pending_;
  std::unique_ptr<UpdateProgram> update_;
  bool is_profiling_ = false;
  std::uint64_t update_count_ = 0;
  std::uint64_t weights_version_ = 1;
  std::int64_t rows_since_update_ = 0;
  std::mutex mutex_;
};

}  // namespace n2d2::plan
