#include "n2d2/backends/cpu/op_set.h"

#include "n2d2/ir/graph.h"
#include "n2d2/ops/op_table.h"

namespace n2d2::cpu {
namespace {

/// The types of MaxPool with the same attributes.
std::vector<ir::TensorType> pool_types(const ir::Node& node) { return ops::op_set().find("MaxPool").infer(node); }

std::vector<ir::TensorType> pool_grad_types(const ir::Node& node) {
  const auto& extents = node.integers("input_shape");
  const Shape& dy = node.input_shape(0);
  return {{{dy[0], dy[1], extents.at(0), extents.at(1)}, DType::float32}};
}

ir::OpDef max_pool_relu() {
  ir::OpDef def = ops::op_set().find("MaxPool");
  def.name = "MaxPoolRelu";
  def.domain = "n2d2.cpu";
  def.since_opset = 0;
  def.doc = "Relu(MaxPool(X)).";
  def.infer = pool_types;
  def.gradient = nullptr;
  return def;
}

ir::OpDef max_pool_relu_grad() {
  ir::OpDef def = ops::op_set().find("MaxPoolGrad");
  def.name = "MaxPoolReluGrad";
  def.domain = "n2d2.cpu";
  def.doc = "MaxPoolGrad(ReluGrad(dY, Y), Argmax): the expansion absorbs the mask, which is tested at pooled resolution.";
  def.inputs = {{"dY"}, {"Y"}, {"Argmax"}};
  def.infer = pool_grad_types;
  return def;
}

}  // namespace

const ir::OpSet& op_set() {
  static const ir::OpSet set([] {
    std::vector<ir::OpDef> all = ops::definitions();
    all.push_back(max_pool_relu());
    all.push_back(max_pool_relu_grad());
    return all;
  }());
  return set;
}

}  // namespace n2d2::cpu
