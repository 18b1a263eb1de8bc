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

ir::OpDef like_conv(const char* name, const char* doc) {
  ir::OpDef def = ops::op_set().find("Conv");
  def.name = name;
  def.domain = "n2d2.cpu";
  def.since_opset = 0;
  def.doc = doc;
  def.gradient = nullptr;
  return def;
}

void add_pool_attributes(ir::OpDef& def) {
  for (const char* list : {"pool_kernel", "pool_strides", "pool_pads", "pool_dilations", "conv_output"}) {
    def.attributes[list] = std::vector<std::int64_t>{};
  }
}

/// The fused node is made from a checked MaxPool and says how many places that had.
std::vector<ir::TensorType> conv_max_pool_types(const ir::Node& node) {
  const auto& places = node.integers("pool_output");
  const Shape y = {node.input_shape(0)[0], node.input_shape(1)[0], places.at(0), places.at(1)};
  return {{y, DType::float32}, {y, DType::uint8}};
}

ir::OpDef conv_max_pool() {
  ir::OpDef def = like_conv(
      "ConvMaxPool",
      "MaxPool(Conv(X, W, B)) with the pool's Argmax, and if `relu` max(., 0) behind it; conv_output = [H, W] of the convolution.");
  def.outputs = {"Y", "Argmax"};
  add_pool_attributes(def);
  def.attributes["pool_output"] = std::vector<std::int64_t>{};
  def.attributes["relu"] = std::int64_t{0};
  def.infer = conv_max_pool_types;
  return def;
}

/// The types of ConvGradInput and ConvGradWeight; see passes/fuse_pool_conv_grad.cpp.
std::vector<ir::TensorType> conv_grad_input_types(const ir::Node& node) {
  const auto& extents = node.integers("input_shape");
  return {{{node.input_shape(0)[0], extents.at(0), extents.at(1), extents.at(2)}, DType::float32}};
}

std::vector<ir::TensorType> conv_grad_weight_types(const ir::Node& node) {
  const auto& kernel = node.integers("kernel_shape");
  const Dim outputs = node.input_shape(0)[1];
  std::vector<ir::TensorType> types = {{{outputs, node.input_shape(2)[1], kernel.at(0), kernel.at(1)}, DType::float32}};
  if (node.integer("has_bias") != 0) types.push_back({{outputs}, DType::float32});
  return types;
}

ir::OpDef with_relu(const char* name) {
  ir::OpDef def = ops::op_set().find(name);
  def.doc = "Relu(" + def.name + "), with all outputs of it.";
  def.name += "Relu";
  def.domain = "n2d2.cpu";
  def.since_opset = 0;
  def.gradient = nullptr;
  return def;
}

ir::OpDef batch_normalization_add_relu() {
  ir::OpDef def = with_relu("BatchNormalization");
  def.name = "BatchNormalizationAddRelu";
  def.doc = "Relu(BatchNormalization(X) + R), with all outputs of it.";
  def.inputs.push_back({"R"});
  return def;
}

std::vector<ir::TensorType> type_of_first(const ir::Node& node) { return {node.input(0)->type}; }

ir::OpDef batch_normalization_again() {
  return {.name = "BatchNormalizationAgain",
          .domain = "n2d2.cpu",
          .doc =
              "Y of BatchNormalization, with `relu` of BatchNormalizationRelu, from X and the statistics used; see "
              "passes/recompute_normalization.h.",
          .inputs = {{"X"}, {"scale"}, {"B"}, {"saved_mean"}, {"saved_inv_std"}},
          .outputs = {"Y"},
          .attributes = {{"relu", std::int64_t{0}}},
          .infer = type_of_first};
}

ir::OpDef add_relu_grad() {
  ir::OpDef def = ops::op_set().find("ReluGrad");
  def.name = "AddReluGrad";
  def.domain = "n2d2.cpu";
  def.doc = "ReluGrad(A + B, Y), all of one shape.";
  def.inputs = {{"A"}, {"B"}, {"Y"}};
  return def;
}

std::vector<ir::TensorType> batch_normalization_relu_grad_types(const ir::Node& node) {
  return {node.input(1)->type, node.input(2)->type, node.input(2)->type};
}

ir::OpDef batch_normalization_relu_grad() {
  ir::OpDef def = ops::op_set().find("BatchNormalizationGrad");
  def.name = "BatchNormalizationReluGrad";
  def.domain = "n2d2.cpu";
  def.doc = "BatchNormalizationGrad(ReluGrad(dY, Y), ...), where Y > 0 is computed again from X.";
  def.inputs = {{"dY"}, {"X"}, {"scale"}, {"B"}, {"saved_mean"}, {"saved_inv_std"}};
  def.infer = batch_normalization_relu_grad_types;
  return def;
}

ir::OpDef behind_max_pool(const char* name, const char* input, ir::Infer infer) {
  ir::OpDef def = ops::op_set().find(name);
  def.doc = def.name + " of what MaxPoolGrad, with Y MaxPoolReluGrad, gives for dY and Argmax; conv_output = [H, W] of the convolution.";
  def.name = "MaxPool" + def.name;
  def.domain = "n2d2.cpu";
  def.inputs = {{"dY"}, {"Argmax"}, {input}, {"Y", ir::Presence::optional}};
  add_pool_attributes(def);
  def.infer = infer;
  return def;
}

}  // namespace

const ir::OpSet& op_set() {
  static const ir::OpSet set([] {
    std::vector<ir::OpDef> all = ops::definitions();
    all.push_back(like_conv("ConvRelu", "Relu(Conv(X, W, B))."));
    all.push_back(conv_max_pool());
    all.push_back(max_pool_relu());
    all.push_back(max_pool_relu_grad());
    all.push_back(with_relu("BatchNormalization"));
    all.push_back(with_relu("Add"));
    all.push_back(batch_normalization_add_relu());
    all.push_back(batch_normalization_again());
    all.push_back(add_relu_grad());
    all.push_back(batch_normalization_relu_grad());
    all.push_back(behind_max_pool("ConvGradInput", "W", conv_grad_input_types));
    all.push_back(behind_max_pool("ConvGradWeight", "X", conv_grad_weight_types));
    return all;
  }());
  return set;
}

}  // namespace n2d2::cpu
