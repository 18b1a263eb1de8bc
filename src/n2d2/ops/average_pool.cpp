// AveragePool: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

const std::map<std::string, ir::Attribute> kAttributes = {{"kernel_shape", std::vector<std::int64_t>{}},
                                                          {"strides", std::vector<std::int64_t>{1, 1}},
                                                          {"pads", std::vector<std::int64_t>{0, 0, 0, 0}},
                                                          {"ceil_mode", std::int64_t{0}},
                                                          {"count_include_pad", std::int64_t{0}}};

Types infer(const ir::Node& node) {
  expect_image(node, 0);
  const Shape& x = node.input_shape(0);
  const auto& kernel = expect_list(node, "kernel_shape", static_cast<std::size_t>(x.rank()) - 2, 1);
  const auto windows = windows_of(node, kernel);
  expect_pads_inside(windows);
  return {{image_shape(x[0], x[1], places_of(node, x, windows)), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  const Shape& x = g.input(0)->shape();
  attributes.set("input_shape", std::vector<std::int64_t>{x[2].size, x[3].size});
  g.set(0, g.make("AveragePoolGrad", {g.dy()}, attributes));
}

Types infer_grad(const ir::Node& node) {
  expect_rank(node, 0, 4);
  const auto& extents = expect_list(node, "input_shape", 2, 1);
  const Shape& dy = node.input_shape(0);
  return {{{dy[0], dy[1], extents[0], extents[1]}, DType::float32}};
}

std::map<std::string, ir::Attribute> grad_attributes() {
  std::map<std::string, ir::Attribute> attributes = kAttributes;
  attributes["input_shape"] = std::vector<std::int64_t>{};
  return attributes;
}

}  // namespace

OpDef average_pool() {
  return {.name = "AveragePool",
          .since_opset = 11,
          .doc = "Mean of each window: of its elements inside the input, or, with count_include_pad, inside the padded input.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient,
          .expand = expand_pool};
}

OpDef average_pool_grad() {
  return {.name = "AveragePoolGrad",
          .domain = "n2d2",
          .doc = "dy / count spread over each window, summed where windows overlap; extents input_shape = [H, W].",
          .inputs = {{"dY"}},
          .outputs = {"dX"},
          .attributes = grad_attributes(),
          .infer = infer_grad};
}

}  // namespace n2d2::ops
