// The graph: typed values and the nodes between them, in an order in which they can run.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "n2d2/ir/attributes.h"
#include "n2d2/ir/op_def.h"
#include "n2d2/ir/type.h"

namespace n2d2::ir {

enum class ValueKind {
  input,       ///< given by the caller at each run
  parameter,   ///< trained, lives in the host's memory
  buffer,      ///< state that nodes update in place, such as running statistics
  constant,    ///< fixed numbers, kept in the graph
  activation,  ///< computed by a node
};

/// Which program of a plan a node belongs to.
enum class Phase { forward, backward, update };

class Node;

struct Value {
  int id = 0;
  std::string name;
  TensorType type;
  ValueKind kind = ValueKind::activation;
  Node* producer = nullptr;
  int output_index = 0;
  /// Axes from the slowest to the fastest in memory; empty means row-major.
  std::vector<int> order;
  bool trainable = true;        ///< parameters only
  std::vector<std::byte> data;  ///< constants only, row-major

  const Shape& shape() const { return type.shape; }
  int rank() const { return type.shape.rank(); }
  bool is_batched() const { return type.shape.is_batched(); }
};

/// Where a node comes from in the user's model: shown in errors and summaries.
struct Source {
  std::string path;      ///< layer name or module path: "features.0"
  std::string location;  ///< "model.py:12", may be empty
};

class Node {
 public:
  const OpDef& op() const { return *op_; }
  const std::string& name() const { return name_; }
  const std::vector<Value*>& inputs() const { return inputs_; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  /// Input `i`, or null when it is optional and absent.
  Value* input(std::size_t i) const { return i < inputs_.size() ? inputs_[i] : nullptr; }
  Value* output(std::size_t i = 0) const { return outputs_.at(i); }
  const Shape& input_shape(std::size_t i) const;
  const Shape& output_shape(std::size_t i = 0) const { return output(i)->type.shape; }
  const Attributes& attributes() const { return attributes_; }
  std::int64_t integer(const std::string& key) const { return attributes_.integer(key); }
  double number(const std::string& key) const { return attributes_.number(key); }
  const std::vector<std::int64_t>& integers(const std::string& key) const { return attributes_.integers(key); }
  const std::vector<double>& numbers(const std::string& key) const { return attributes_.numbers(key); }
  const Source& source() const { return source_; }
  Phase phase() const { return phase_; }
  /// "Conv 'conv1'"
  std::string label() const;

 private:
  friend class Graph;
  const OpDef* op_ = nullptr;
  std::string name_;
  std::vector<Value*> inputs_;
  std::vector<Value*> outputs_;
  Attributes attributes_;
  Source source_;
  Phase phase_ = Phase::forward;
};

struct NodeOptions {
  std::string name;
  Source source;
  Phase phase = Phase::forward;
};

class Graph {
 public:
  explicit Graph(const OpSet& ops) : ops_(&ops) {}
  Graph(Graph&&) = default;
  Graph& operator=(Graph&&) = default;

  Value* add_input(std::string name, TensorType type, std::vector<int> order = {});
  Value* add_parameter(std::string name, TensorType type, std::vector<int> order = {}, bool trainable = true);
  Value* add_buffer(std::string name, TensorType type, std::vector<int> order = {});
  Value* add_constant(std::string name, TensorType type, std::vector<std::byte> data);
  /// A constant scalar of type float32.
  Value* add_scalar(float number);
  /// Adds a node after all others. Attributes not given take their defaults; unknown ones are an error.
  /// `inputs` may hold null for an absent optional input.
  Node& add_node(const std::string& op, std::vector<Value*> inputs, Attributes attributes = {}, NodeOptions options = {});
  void add_output(Value* value);

  const OpSet& ops() const { return *ops_; }
  const std::vector<std::unique_ptr<Value>>& values() const { return values_; }
  const std::vector<std::unique_ptr<Node>>& nodes() const { return nodes_; }
  const std::vector<Value*>& outputs() const { return outputs_; }
  std::vector<Value*> values_of(ValueKind kind) const;
  /// Nodes that read the value, in order.
  std::vector<Node*> consumers(const Value* value) const;

  // Rewriting, for passes.
  /// From now on nodes come from `ops`, which holds all operators known before.
  void use_ops(const OpSet& ops);
  /// Every node but `except`, and every graph output, reads `to` instead of `from`.
  void replace_uses(Value* from, Value* to, const Node* except = nullptr);
  void replace_input(Node& node, std::size_t index, Value* value);
  void set_attributes(Node& node, Attributes attributes) { node.attributes_ = std::move(attributes); }
  /// Types of all outputs anew, in order, after attributes changed.
  void infer_types();
  void set_outputs(std::vector<Value*> outputs) { outputs_ = std::move(outputs); }
  /// Moves the last node in front of `position`.
  void move_last_before(const Node& position);
  void erase(const Node& node);
  /// Deletes nodes none of whose outputs is read. Nodes without outputs have an effect (they write a buffer) and stay.
  void erase_dead_nodes();

  /// A copy that shares nothing; values keep their ids and so does everything named by them.
  Graph clone() const;

 private:
  Value* new_value(std::string name, TensorType type, ValueKind kind);
  const OpSet* ops_;
  std::vector<std::unique_ptr<Value>> values_;
  std::vector<std::unique_ptr<Node>> nodes_;
  std::vector<Value*> outputs_;
  int next_id_ = 0;
};

/// One line per value and node, stable between runs: what passes are tested on.
std::string to_text(const Graph& graph);

/// Throws Error when a node reads a value before it is made, a type disagrees with its inference, an order is no permutation, …
void verify(const Graph& graph);

}  // namespace n2d2::ir
