// Conv in two dimensions: what it means.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

const std::map<std::string, ir::Attribute> kAttributes = {{"strides", std::vector<std::int64_t>{1, 1}},
                                                          {"pads", std::vector<std::int64_t>{0, 0, 0, 0}},
                                                          {"dilations", std::vector<std::int64_t>{1, 1}},
                                                          {"group", std::int64_t{1}},
                                                          {"region", std::vector<std::int64_t>{}}};

std::map<std::string, ir::Attribute> attributes_and(std::map<std::string, ir::Attribute> more) {
  more.insert(kAttributes.begin(), kAttributes.end());
  return more;
}

ir::Attributes conv_attributes(const ir::Node& node) {
  ir::Attributes attributes;
  for (const auto& [name, value] : kAttributes) attributes.set(name, node.attributes().items().at(name));
  return attributes;
}

std::string shapes(const ir::Node& node) {
  return fmt::format("(input {}, weight {}, group {})", node.input_shape(0).text(), node.input_shape(1).text(), node.integer("group"));
}

Types infer(const ir::Node& node) {
  for (const std::size_t i : {0, 1}) {
    expect_float(node, i);
    expect_rank(node, i, 4);
  }
  const Shape& x = node.input_shape(0);
  const Shape& w = node.input_shape(1);
  const std::int64_t group = node.integer("group");
  if (group < 1 || w[0].size % group != 0) {
    throw ShapeError(fmt::format("group {} does not divide the {} output channels {}", group, w[0].size, shapes(node)));
  }
  if (x[1].size != w[1].size * group) {
    throw ShapeError(fmt::format("weight expects {} input channels, input has {} {}", w[1].size * group, x[1].size, shapes(node)));
  }
  if (node.input(2) != nullptr && !(node.input_shape(2) == Shape{w[0]})) {
    throw ShapeError(fmt::format("bias has shape {}, expected [{}]", node.input_shape(2).text(), w[0].size));
  }
  const auto windows = windows_of(node, w[2].size, w[3].size);
  const auto places = places_of(node, x, windows);
  return {{{x[0], w[0], places[0], places[1]}, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  const Shape& x = g.input(0)->shape();
  const Shape& w = g.input(1)->shape();
  if (g.wants(0)) {
    ir::Attributes attributes = conv_attributes(g.node());
    attributes.set("input_shape", std::vector<std::int64_t>{x[1].size, x[2].size, x[3].size});
    g.set(0, g.make("ConvGradInput", {g.dy(), g.input(1)}, attributes));
  }
  if (!g.wants(1) && !g.wants(2)) return;
  ir::Attributes attributes = conv_attributes(g.node());
  attributes.set("kernel_shape", std::vector<std::int64_t>{w[2].size, w[3].size});
  attributes.set("has_bias", std::int64_t{g.wants(2)});
  const ir::Node& weight = g.make_node("ConvGradWeight", {g.dy(), g.input(0)}, attributes);
  if (g.wants(1)) g.set(1, weight.output(0));
  if (g.wants(2)) g.set(2, weight.output(1));
}

Types infer_grad_input(const ir::Node& node) {
  expect_rank(node, 0, 4);
  expect_rank(node, 1, 4);
  const auto& extents = expect_list(node, "input_shape", 3, 1);
  return {{{node.input_shape(0)[0], extents[0], extents[1], extents[2]}, DType::float32}};
}

Types infer_grad_weight(const ir::Node& node) {
  expect_rank(node, 0, 4);
  expect_rank(node, 1, 4);
  const auto& kernel = expect_list(node, "kernel_shape", 2, 1);
  const Dim outputs = node.input_shape(0)[1];
  Types types = {{{outputs, node.input_shape(1)[1].size / node.integer("group"), kernel[0], kernel[1]}, DType::float32}};
  if (node.integer("has_bias") != 0) types.push_back({{outputs}, DType::float32});
  return types;
}

}  // namespace

OpDef conv() {
  return {.name = "Conv",
          .since_opset = 11,
          .doc =
              "y[n,m,i,j] = b[m] + sum over c,p,q of w[m,c,p,q] * "
              "x[n,c,i*strides[0]-pads[0]+p*dilations[0],j*strides[1]-pads[1]+q*dilations[1]].",
          .inputs = {{"X"}, {"W"}, {"B", ir::Presence::optional}},
          .outputs = {"Y"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient};
}

OpDef conv_grad_input() {
  return {.name = "ConvGradInput",
          .domain = "n2d2",
          .doc = "Gradient of Conv with respect to its input of extents input_shape = [C, H, W].",
          .inputs = {{"dY"}, {"W"}},
          .outputs = {"dX"},
          .attributes = attributes_and({{"input_shape", std::vector<std::int64_t>{}}}),
          .infer = infer_grad_input};
}

OpDef conv_grad_weight() {
  return {.name = "ConvGradWeight",
          .domain = "n2d2",
          .doc = "Gradients of Conv with respect to its weight of extents kernel_shape and, if has_bias, to its bias; sums over the batch.",
          .inputs = {{"dY"}, {"X"}},
          .outputs = {"dW", "dB"},
          .attributes = attributes_and({{"kernel_shape", std::vector<std::int64_t>{}}, {"has_bias", std::int64_t{0}}}),
          .infer = infer_grad_weight};
}

}  // namespace n2d2::ops
