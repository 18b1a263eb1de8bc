// MaxPool: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

const std::map<std::string, ir::Attribute> kAttributes = {{"kernel_shape", std::vector<std::int64_t>{}},
                                                          {"strides", std::vector<std::int64_t>{1, 1}},
                                                          {"pads", std::vector<std::int64_t>{0, 0, 0, 0}},
                                                          {"dilations", std::vector<std::int64_t>{1, 1}},
                                                          {"ceil_mode", std::int64_t{0}},
                                                          {"region", std::vector<std::int64_t>{}}};

Types infer(const ir::Node& node) {
  expect_image(node, 0);
  const Shape& x = node.input_shape(0);
  const auto& kernel = expect_list(node, "kernel_shape", static_cast<std::size_t>(x.rank()) - 2, 1);
  expect_window_fits_byte(kernel);
  const auto windows = windows_of(node, kernel);
  expect_pads_inside(windows);
  const Shape y = image_shape(x[0], x[1], places_of(node, x, windows));
  return {{y, DType::float32}, {y, DType::uint8}};
}

void gradient(ir::GradientContext& g) {
  ir::Attributes attributes = g.node().attributes();
  const Shape& x = g.input(0)->shape();
  attributes.set("input_shape", std::vector<std::int64_t>{x[2].size, x[3].size});
  g.set(0, g.make("MaxPoolGrad", {g.dy(), g.output(1)}, attributes));
}

Types infer_grad(const ir::Node& node) {
  expect_same_shape(node, 0, 1);
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

OpDef max_pool() {
  return {.name = "MaxPool",
          .since_opset = 12,
          .doc = "Largest element of each window, the first of equals, NaN before numbers; Argmax is its place in the window, row by row.",
          .inputs = {{"X"}},
          .outputs = {"Y", "Argmax"},
          .attributes = kAttributes,
          .infer = infer,
          .gradient = gradient,
          .expand = expand_max_pool};
}

OpDef max_pool_grad() {
  return {.name = "MaxPoolGrad",
          .domain = "n2d2",
          .doc = "dx at the place that Argmax names gets dy; sums where windows overlap; extents input_shape = [H, W].",
          .inputs = {{"dY"}, {"Argmax"}},
          .outputs = {"dX"},
          .attributes = grad_attributes(),
          .infer = infer_grad};
}

}  // namespace n2d2::ops
