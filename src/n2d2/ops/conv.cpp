// Conv in one, two or three dimensions, and ConvTranspose: what they mean.
#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/windows.h"

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

void expect_operands(const ir::Node& node) {
  expect_image(node, 0);
  expect_float(node, 1);
  expect_rank(node, 1, node.input_shape(0).rank());
}

void expect_bias(const ir::Node& node, std::int64_t channels) {
  if (node.input(2) == nullptr || node.input_shape(2) == Shape{channels}) return;
  throw ShapeError(fmt::format("bias has shape {}, expected [{}]", node.input_shape(2).text(), channels));
}

Types infer(const ir::Node& node) {
  expect_operands(node);
  const Shape& x = node.input_shape(0);
  const Shape& w = node.input_shape(1);
  const std::int64_t group = node.integer("group");
  if (group < 1 || w[0].size % group != 0) {
    throw ShapeError(fmt::format("group {} does not divide the {} output channels {}", group, w[0].size, shapes(node)));
  }
  if (x[1].size != w[1].size * group) {
    throw ShapeError(fmt::format("weight expects {} input channels, input has {} {}", w[1].size * group, x[1].size, shapes(node)));
  }
  expect_bias(node, w[0].size);
  return {{image_shape(x[0], w[0], places_of(node, x, windows_of(node, spatial_of(w)))), DType::float32}};
}

std::vector<std::int64_t> without_batch(const Shape& shape) {
  std::vector<std::int64_t> extents = spatial_of(shape);
  extents.insert(extents.begin(), shape[1].size);
  return extents;
}

void gradient(ir::GradientContext& g) {
  if (g.wants(0)) {
    ir::Attributes attributes = conv_attributes(g.node());
    attributes.set("input_shape", without_batch(g.input(0)->shape()));
    g.set(0, g.make("ConvGradInput", {g.dy(), g.input(1)}, attributes));
  }
  if (!g.wants(1) && !g.wants(2)) return;
  ir::Attributes attributes = conv_attributes(g.node());
  attributes.set("kernel_shape", spatial_of(g.input(1)->shape()));
  attributes.set("has_bias", std::int64_t{g.wants(2)});
  const ir::Node& weight = g.make_node("ConvGradWeight", {g.dy(), g.input(0)}, attributes);
  if (g.wants(1)) g.set(1, weight.output(0));
  if (g.wants(2)) g.set(2, weight.output(1));
}

Types infer_grad_input(const ir::Node& node) {
  expect_operands(node);
  const auto& extents = expect_list(node, "input_shape", static_cast<std::size_t>(node.input_shape(0).rank()) - 1, 1);
  return {{image_shape(node.input_shape(0)[0], extents[0], {extents.begin() + 1, extents.end()}), DType::float32}};
}

/// Of a ConvGradInput in the forward half, which is linear in both inputs; it stands there for ConvTranspose.
void gradient_of_grad_input(ir::GradientContext& g) {
  ir::Attributes attributes = conv_attributes(g.node());
  if (g.wants(0)) {
    attributes.set("region", spatial_of(g.input(0)->shape()));
    g.set(0, g.make("Conv", {g.dy(), g.input(1)}, attributes));
    attributes.set("region", std::vector<std::int64_t>{});
  }
  attributes.set("kernel_shape", spatial_of(g.input(1)->shape()));
  if (g.wants(1)) g.set(1, g.make("ConvGradWeight", {g.input(0), g.dy()}, attributes));
}

Types infer_grad_weight(const ir::Node& node) {
  expect_image(node, 0);
  expect_rank(node, 1, node.input_shape(0).rank());
  const auto& kernel = expect_list(node, "kernel_shape", static_cast<std::size_t>(node.input_shape(0).rank()) - 2, 1);
  const Dim outputs = node.input_shape(0)[1];
  Types types = {{image_shape(outputs, node.input_shape(1)[1].size / node.integer("group"), kernel), DType::float32}};
  if (node.integer("has_bias") != 0) types.push_back({{outputs}, DType::float32});
  return types;
}

/// [M, H, W] of the output.
std::vector<std::int64_t> transposed_extents(const ir::Node& node) {
  const Shape &x = node.input_shape(0), &w = node.input_shape(1);
  const auto windows = windows_of(node, spatial_of(w));
  const auto more = list_for(node, "output_padding", windows.size(), 0);
  std::vector<std::int64_t> extents = {w[1].size * node.integer("group")};
  for (std::size_t i = 0; i < windows.size(); ++i) {
    const Window& window = windows[i];
    if (more[i] >= std::max(window.stride, window.dilation)) {
      throw ValueError(fmt::format("output_padding {} is neither smaller than the stride {} nor than the dilation {}", more[i],
                                   window.stride, window.dilation));
    }
    extents.push_back((x[2 + static_cast<int>(i)].size - 1) * window.stride + window.reach() - window.pad_begin - window.pad_end + more[i]);
    if (extents.back() < 1) {
      throw ShapeError(fmt::format("pads {} and {} leave no output {}", window.pad_begin, window.pad_end, shapes(node)));
    }
  }
  return extents;
}

Types infer_transpose(const ir::Node& node) {
  expect_operands(node);
  const Shape &x = node.input_shape(0), &w = node.input_shape(1);
  const std::int64_t group = node.integer("group");
  if (x[1].size != w[0].size) {
    throw ShapeError(fmt::format("weight expects {} input channels, input has {} {}", w[0].size, x[1].size, shapes(node)));
  }
  if (group < 1 || w[0].size % group != 0) {
    throw ShapeError(fmt::format("group {} does not divide the {} input channels {}", group, w[0].size, shapes(node)));
  }
  const auto extents = transposed_extents(node);
  expect_bias(node, extents[0]);
  return {{image_shape(x[0], extents[0], {extents.begin() + 1, extents.end()}), DType::float32}};
}

/// The gradient of a convolution's input, and the bias.
void expand_transpose(ir::ExpandContext& e) {
  const ir::Node& node = e.node();
  if (node.input_shape(0).rank() == 3) return expand_line(e);
  ir::Attributes attributes = conv_attributes(node);
  attributes.set("input_shape", transposed_extents(node));
  ir::Value* y = e.make("ConvGradInput", {e.input(0), e.input(1)}, attributes);
  if (e.input(2) != nullptr) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(y->rank()) - 1, 1);
    shape[0] = -1;
    y = e.make("Add", {y, e.make("Reshape", {e.input(2)}, {{"shape", shape}})});
  }
  e.set(0, y);
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
          .gradient = gradient,
          .expand = expand_line};
}

OpDef conv_transpose() {
  return {
      .name = "ConvTranspose",
      .since_opset = 11,
      .doc =
          "y[n,m,i*strides[0]-pads[0]+p*dilations[0],j*strides[1]-pads[1]+q*dilations[1]] = b[m] + sum over c,i,j,p,q that lead there of "
          "w[c,m,p,q] * x[n,c,i,j]; output_padding adds places at the end.",
      .inputs = {{"X"}, {"W"}, {"B", ir::Presence::optional}},
      .outputs = {"Y"},
      .attributes = attributes_and({{"output_padding", std::vector<std::int64_t>{0, 0}}}),
      .infer = infer_transpose,
      .expand = expand_transpose};
}

OpDef conv_grad_input() {
  return {.name = "ConvGradInput",
          .domain = "n2d2",
          .doc = "Gradient of Conv with respect to its input of extents input_shape = [C, H, W].",
          .inputs = {{"dY"}, {"W"}},
          .outputs = {"dX"},
          .attributes = attributes_and({{"input_shape", std::vector<std::int64_t>{}}}),
          .infer = infer_grad_input,
          .gradient = gradient_of_grad_input};
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
