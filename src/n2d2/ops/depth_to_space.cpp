// DepthToSpace and SpaceToDepth: what they mean.
#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

using Lists = std::vector<std::int64_t>;

bool is_depth_first(const ir::Node& node) {
  const std::string& mode = node.attributes().text("mode");
  if (mode != "DCR" && mode != "CRD") throw UnsupportedError(fmt::format("mode '{}', expected DCR or CRD", mode));
  return mode == "DCR";
}

/// Checks what both share and returns the block's side.
std::int64_t block_of(const ir::Node& node) {
  expect_float(node, 0);
  expect_rank(node, 0, 4);
  is_depth_first(node);
  if (node.integer("blocksize") < 1) throw ValueError(fmt::format("blocksize {}, expected at least 1", node.integer("blocksize")));
  return node.integer("blocksize");
}

Types infer_to_space(const ir::Node& node) {
  const std::int64_t b = block_of(node);
  const Shape& x = node.input_shape(0);
  if (x[1].size % (b * b) != 0) throw ShapeError(fmt::format("{} channels are no multiple of {} (input {})", x[1].size, b * b, x.text()));
  return {{{x[0], x[1].size / (b * b), x[2].size * b, x[3].size * b}, DType::float32}};
}

Types infer_to_depth(const ir::Node& node) {
  const std::int64_t b = block_of(node);
  const Shape& x = node.input_shape(0);
  if (x[2].size % b != 0 || x[3].size % b != 0) throw ShapeError(fmt::format("extents are no multiples of {} (input {})", b, x.text()));
  return {{{x[0], x[1].size * b * b, x[2].size / b, x[3].size / b}, DType::float32}};
}

void rearrange(ir::ExpandContext& e, const Shape& blocks, const Lists& perm) {
  ir::Value* value = e.make("Transpose", {reshaped(e, e.input(0), blocks)}, {{"perm", perm}});
  e.set(0, reshaped(e, value, e.node().output_shape()));
}

void expand_to_space(ir::ExpandContext& e) {
  const Shape &x = e.node().input_shape(0), &y = e.node().output_shape();
  const std::int64_t b = e.node().integer("blocksize");
  if (is_depth_first(e.node())) return rearrange(e, {x[0], b, b, y[1], x[2], x[3]}, {0, 3, 4, 1, 5, 2});
  rearrange(e, {x[0], y[1], b, b, x[2], x[3]}, {0, 1, 4, 2, 5, 3});
}

void expand_to_depth(ir::ExpandContext& e) {
  const Shape &x = e.node().input_shape(0), &y = e.node().output_shape();
  const std::int64_t b = e.node().integer("blocksize");
  const Lists perm = is_depth_first(e.node()) ? Lists{0, 3, 5, 1, 2, 4} : Lists{0, 1, 3, 5, 2, 4};
  rearrange(e, {x[0], x[1], y[2], b, y[3], b}, perm);
}

const std::map<std::string, ir::Attribute> kAttributes = {{"blocksize", std::int64_t{1}}, {"mode", std::string("DCR")}};

}  // namespace

OpDef depth_to_space() {
  return {
      .name = "DepthToSpace",
      .since_opset = 13,
      .doc =
          "y[n,c,h*b+p,w*b+q] = x[n,k,h,w], b the blocksize; k = (p*b + q)*C + c with mode DCR, (c*b + p)*b + q with CRD, C the output's "
          "channels.",
      .inputs = {{"input"}},
      .outputs = {"output"},
      .attributes = kAttributes,
      .infer = infer_to_space,
      .expand = expand_to_space};
}

OpDef space_to_depth() {
  return {.name = "SpaceToDepth",
          .since_opset = 13,
          .doc = "The inverse of DepthToSpace; ONNX has mode DCR alone.",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = kAttributes,
          .infer = infer_to_depth,
          .expand = expand_to_depth};
}

}  // namespace n2d2::ops
