// OneHot and Cast, which make numbers of integers and the other way round: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer_one_hot(const ir::Node& node) {
  expect_integers(node, 0);
  const std::int64_t depth = node.integer("depth");
  if (depth < 1) throw ValueError(fmt::format("attribute 'depth' is {}, expected at least 1", depth));
  std::vector<Dim> dims = node.input_shape(0).dims();
  dims.insert(dims.begin() + normalized_axis(node.integer("axis"), static_cast<int>(dims.size()) + 1, "axis"), Dim(depth));
  const Shape y(std::move(dims));
  if (y.batch_axis() > 0) throw UnsupportedError(fmt::format("the batch must stay on axis 0 (output {})", y.text()));
  return {{y, DType::float32}};
}

Types infer_cast(const ir::Node& node) {
  const DType from = node.input(0)->type.dtype;
  const std::string& to = node.attributes().text("to");
  if (to != "float32" && to != "int32" && to != "int64") {
    throw ValueError(fmt::format("attribute 'to' is '{}', expected float32, int32 or int64", to));
  }
  if (from == DType::float64) throw TypeError("input is float64, expected float32, int32, int64 or uint8");
  return {{node.input_shape(0), dtype_of(to)}};
}

}  // namespace

OpDef one_hot() {
  return {.name = "OneHot",
          .since_opset = 11,
          .doc = "1 at place indices[i] of a new axis of extent depth, else 0; indices outside [0, depth) give zeros alone.",
          .inputs = {{"indices"}},
          .outputs = {"output"},
          .attributes = {{"depth", std::int64_t{0}}, {"axis", std::int64_t{-1}}},
          .infer = infer_one_hot};
}

/// Source: ONNX Cast-13.
OpDef cast() {
  return {.name = "Cast",
          .since_opset = 13,
          .doc = "The numbers in type `to`; floats lose what follows the point. No gradient flows through.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"to", std::string("float32")}},
          .infer = infer_cast};
}

}  // namespace n2d2::ops
