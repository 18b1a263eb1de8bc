// GlobalAveragePool and GlobalMaxPool: what they mean.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_image(node, 0);
  const Shape& x = node.input_shape(0);
  return {{image_shape(x[0], x[1], std::vector<std::int64_t>(spatial_of(x).size(), 1)), DType::float32}};
}

void gradient(ir::GradientContext& g) {
  const Shape& x = g.input(0)->shape();
  g.set(0, g.make("GlobalAveragePoolGrad", {g.dy()}, {{"input_shape", std::vector<std::int64_t>{x[2].size, x[3].size}}}));
}

/// All places as one axis of an image.
void expand(ir::ExpandContext& e) {
  const Shape& x = e.node().input_shape(0);
  if (x.rank() == 4) return;
  const Shape image = {x[0], x[1], x.elements_per_row() / (x[0].size * x[1].size), 1};
  e.set(0, reshaped(e, e.make("GlobalAveragePool", {reshaped(e, e.input(0), image)}), e.node().output_shape()));
}

/// A pool along one axis after the other, the last one first: so the first of equals wins, row by row.
void expand_max(ir::ExpandContext& e) {
  const std::vector<std::int64_t> extents = spatial_of(e.node().input_shape(0));
  ir::Value* value = e.input(0);
  for (std::size_t axis = extents.size(); axis-- > 0;) {
    std::vector<std::int64_t> kernel(extents.size(), 1);
    kernel[axis] = extents[axis];
    value = e.make("MaxPool", {value}, {{"kernel_shape", kernel}});
  }
  e.set(0, value);
}

Types infer_grad(const ir::Node& node) {
  expect_rank(node, 0, 4);
  const auto& extents = expect_list(node, "input_shape", 2, 1);
  return {{{node.input_shape(0)[0], node.input_shape(0)[1], extents[0], extents[1]}, DType::float32}};
}

}  // namespace

OpDef global_average_pool() {
  return {.name = "GlobalAveragePool",
          .since_opset = 1,
          .doc = "y[n,c,0,0] = mean over i,j of x[n,c,i,j].",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = infer,
          .gradient = gradient,
          .expand = expand};
}

OpDef global_max_pool() {
  return {.name = "GlobalMaxPool",
          .since_opset = 1,
          .doc = "y[n,c,0,0] = max over i,j of x[n,c,i,j], the first of equals, NaN before numbers.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = infer,
          .expand = expand_max};
}

OpDef global_average_pool_grad() {
  return {.name = "GlobalAveragePoolGrad",
          .domain = "n2d2",
          .doc = "dx[n,c,i,j] = dy[n,c,0,0] / (H * W); input_shape = [H, W].",
          .inputs = {{"dY"}},
          .outputs = {"dX"},
          .attributes = {{"input_shape", std::vector<std::int64_t>{}}},
          .infer = infer_grad};
}

}  // namespace n2d2::ops
