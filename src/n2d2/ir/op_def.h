// What an operator means: one record per operator, listed in ops/op_table.cpp.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "n2d2/ir/attributes.h"
#include "n2d2/ir/type.h"

namespace n2d2::ir {

class Node;
class GradientContext;
class ExpandContext;

/// Types of the outputs of a node whose inputs and attributes are set; throws ShapeError, TypeError, ValueError.
/// Messages need not name the node: Graph::add_node puts `Conv 'conv1': ` in front.
using Infer = std::vector<TensorType> (*)(const Node& node);
/// Adds the nodes that compute the gradients of the inputs; see GradientContext.
using Gradient = void (*)(GradientContext& context);
/// Writes the node as other nodes, or does nothing where backends have kernels for it as it is; see ExpandContext.
using Expansion = void (*)(ExpandContext& context);

enum class Presence { required, optional, variadic };

struct InputDef {
  std::string name;
  Presence presence = Presence::required;
};

struct OpDef {
  std::string name;
  std::string domain;   ///< "" is ONNX, "n2d2" is ours.
  int since_opset = 0;  ///< ONNX opset whose definition this follows; 0 in domain n2d2.
  std::string doc;      ///< One line with the formula.
  std::vector<InputDef> inputs;
  std::vector<std::string> outputs;
  std::map<std::string, Attribute> attributes;  ///< Every attribute with its default.
  Infer infer = nullptr;
  Gradient gradient = nullptr;  ///< Null: no gradient flows through.
  bool is_pointwise = false;    ///< A function of one tensor: y[i] depends on x[i] alone, and not on i.
  Expansion expand = nullptr;   ///< Null: the node always stays as it is.
};

/// The operators a graph may hold.
class OpSet {
 public:
  explicit OpSet(const std::vector<OpDef>& ops);
  /// Throws UnsupportedError when no operator has that name.
  const OpDef& find(const std::string& name) const;
  std::vector<const OpDef*> all() const;

 private:
  std::map<std::string, OpDef> ops_;
};

}  // namespace n2d2::ir
