// What a kernel's prepare function gets: its node, handles on the values, and a way to add steps to the program.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "n2d2/ir/graph.h"
#include "n2d2/plan/memory/storage.h"
#include "n2d2/plan/program.h"

namespace n2d2::plan {

/// The part of an operand that a step touches; barriers between steps are derived from it.
enum class Access {
  rows,      ///< the rows of its lane: needs the batch axis slowest in memory
  features,  ///< the lane's slice of the features, of every row's places, or of the elements of a value that is not batched
  own,       ///< the lane's own copy (partial sums, scratch)
  all,       ///< anything
};

struct Use {
  Operand operand;
  Access access;
  bool writes;
};
inline Use reads(Operand operand, Access access) { return {operand, access, false}; }
inline Use writes(Operand operand, Access access) { return {operand, access, true}; }

/// Usage, in backends/cpu/kernels/eltwise.cpp:
///   void prepare_relu(Emitter& emit) {
///     const auto x = emit.in(0), y = emit.out();
///     emit.rows([=, n = emit.node().output_shape().elements_per_row()](const Lane& lane) {
///       simd().relu(x.rows(lane), y.rows(lane), lane.rows * n);
///     });
///   }
class Emitter {
 public:
  virtual ~Emitter() = default;

  const ir::Node& node() const { return *node_; }
  /// Largest number of rows the plan can run.
  std::int64_t capacity() const { return capacity_; }
  int lanes() const { return lanes_; }
  /// Whether so few rows come that large kernels may share out each of them, see shared_rows().
  bool has_few_rows() const { return 2 * capacity_ <= lanes_; }
  /// Largest number of rows a lane can get.
  std::int64_t lane_capacity() const { return (capacity_ + lanes_ - 1) / lanes_; }

  /// Handle on input `i`; false when the optional input is absent.
  Operand in(std::size_t i) { return node_->input(i) ? operand(*node_->input(i)) : Operand(); }
  Operand out(std::size_t i = 0) { return operand(*node_->output(i)); }
  /// Output `i` becomes a sum over lanes: each lane writes its own copy (Access::own), and whoever reads it sums them.
  virtual Operand partial_out(std::size_t i = 0) = 0;
  /// Whether input `i` is such a sum; read it with Operand::copy_of for every lane, Access::all.
  virtual bool is_partial(std::size_t i) = 0;
  /// Bytes per lane that live during this node only. Access::own. `kept`: what a chunk writes the next one finds.
  virtual Operand scratch(std::int64_t bytes, bool kept = false) = 0;
  /// Bytes for a packed copy of a parameter, filled by pack(): one for each lane while it is small.
  virtual Operand packed(std::int64_t bytes) = 0;

  /// Adds a step to the program of the node's phase; every lane runs it.
  virtual void step(std::vector<Use> uses, Run run) = 0;
  /// The usual step: batched operands by rows, all others read whole. `extra` adds scratch, packed copies or partial sums
  /// and replaces the default use of an operand. The lane may be given its rows chunk by chunk, unless `extra` has partial sums.
  void rows(Run run, std::vector<Use> extra = {});
  /// The same for a kernel whose partial sums go on from chunk to chunk: they begin with Lane::is_first.
  void summed_rows(Run run, std::vector<Use> extra);
  /// Every lane makes a part of every row: it reads inputs whole and writes its slices of outputs (partial sums: given by `extra`).
  void shared_rows(Run run, std::vector<Use> extra);
  /// The same as rows() with all operands given, for one step of several of a node.
  virtual void chunked_step(std::vector<Use> uses, Run run) = 0;
  /// A step that lane 0 runs alone, on whole operands.
  virtual void single(Run run, std::vector<Use> extra = {}) = 0;
  /// The same, at the end of the program if nobody but the caller waits for the outputs.
  virtual void late(Run run, std::vector<Use> extra) = 0;
  /// Adds a step that packs a parameter: before every training forward and when parameters moved, in training if possible just before the
  /// copy is read. Every lane runs it for a copy of its own, else one lane does, or all when each writes its slice (`sliced`). A weight
  /// that other nodes compute is packed by a step of this node instead.
  virtual void pack(Operand parameter, Operand packed, Run run, bool sliced = false) = 0;

  virtual Operand operand(const ir::Value& value) = 0;

 protected:
  void bind(const ir::Node& node, std::int64_t capacity, int lanes) {
    node_ = &node;
    capacity_ = capacity;
    lanes_ = lanes;
  }

 private:
  /// `reading`, `writing`: of batched operands.
  std::vector<Use> with_defaults(std::vector<Use> extra, Access reading, Access writing);

  const ir::Node* node_ = nullptr;
  std::int64_t capacity_ = 0;
  int lanes_ = 1;
};

/// One kernel of a backend. Tables list them in order of preference, the plain one last.
struct KernelEntry {
  std::string op;    ///< operator name
  std::string name;  ///< "conv:onednn"
  /// Why this kernel cannot run that node, or an empty text. Null: it always can.
  std::string (*refuses)(const ir::Node& node) = nullptr;
  void (*prepare)(Emitter& emit) = nullptr;
};

}  // namespace n2d2::plan
