// GlobalAveragePool: what it means.
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  expect_rank(node, 0, 4);
  return {{{node.input_shape(0)[0], node.input_shape(0)[1], 1, 1}, DType::float32}};
}

void gradient(ir::GradientContext& g) {
  const Shape& x = g.input(0)->shape();
  g.set(0, g.make("GlobalAveragePoolGrad", {g.dy()}, {{"input_shape", std::vector<std::int64_t>{x[2].size, x[3].size}}}));
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
          .gradient = gradient};
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
