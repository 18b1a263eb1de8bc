// Parameters and buffers of a network by name: where they lie, their gradients, solvers and solver state.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/memory/aligned_buffer.h"
#include "n2d2/solvers/solver.h"

namespace n2d2::plan {

/// One parameter or buffer. Its truth lies in the host's memory, or in ours while nobody has bound any.
struct StateEntry {
  std::string name;
  ir::TensorType type;
  std::vector<int> order;
  bool is_parameter = false;
  bool trainable = false;
  bool has_gradient = false;  ///< since the last update
  float* memory = nullptr;
  float* gradient = nullptr;  ///< parameters only, in the memory order of the parameter
  std::shared_ptr<solvers::Solver> solver;
  std::vector<AlignedBuffer> slots;
  AlignedBuffer own_memory, own_gradient;

  std::int64_t count() const { return type.shape.elements_per_row(); }
};

class ParameterStore {
 public:
  /// Takes in the graph's parameters and buffers; throws ShapeError when one is known with another type or order.
  void add(const ir::Graph& graph);
  /// Throws ValueError when nothing has that name.
  StateEntry& find(const std::string& name);
  std::map<std::string, StateEntry>& entries() { return entries_; }
  const std::map<std::string, StateEntry>& entries() const { return entries_; }

  void bind(const std::string& name, float* memory);
  void bind_gradient(const std::string& name, float* memory);
  void set_trainable(const std::vector<std::string>& names);
  void set_solver(const std::string& parameter, std::shared_ptr<solvers::Solver> solver);
  /// Memory of a parameter, buffer, or of a gradient when the name is "gradient:<parameter>".
  void* address(const std::string& name);
  /// Grows whenever an address changes.
  std::uint64_t version() const { return version_; }

 private:
  void add(const ir::Value& value);
  StateEntry& parameter(const std::string& name);

  std::map<std::string, StateEntry> entries_;
  std::uint64_t version_ = 1;
};

}  // namespace n2d2::plan
