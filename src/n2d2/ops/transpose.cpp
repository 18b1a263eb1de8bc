// Transpose, and Reorder, which only moves memory: what they mean.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const auto& perm = node.integers("perm");
  std::vector<std::int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  bool good = sorted.size() == static_cast<std::size_t>(x.rank());
  for (std::size_t i = 0; good && i < sorted.size(); ++i) good = sorted[i] == static_cast<std::int64_t>(i);
  if (!good) throw ValueError(fmt::format("perm [{}] is no permutation of the {} axes of {}", fmt::join(perm, ","), x.rank(), x.text()));
  std::vector<Dim> dims;
  for (const std::int64_t axis : perm) dims.push_back(x[static_cast<int>(axis)]);
  return {{Shape(std::move(dims)), node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) {
  const auto& perm = g.node().integers("perm");
  std::vector<std::int64_t> inverse(perm.size());
  for (std::size_t i = 0; i < perm.size(); ++i) inverse[static_cast<std::size_t>(perm[i])] = static_cast<std::int64_t>(i);
  g.set(0, g.make("Transpose", {g.dy()}, {{"perm", inverse}}));
}

Types same_type(const ir::Node& node) { return {node.input(0)->type}; }

}  // namespace

OpDef transpose() {
  return {.name = "Transpose",
          .since_opset = 13,
          .doc = "Axis i of the output is axis perm[i] of the input.",
          .inputs = {{"data"}},
          .outputs = {"transposed"},
          .attributes = {{"perm", std::vector<std::int64_t>{}}},
          .infer = infer,
          .gradient = gradient};
}

OpDef reorder() {
  return {.name = "Reorder",
          .domain = "n2d2",
          .doc = "The same tensor in another memory order.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .infer = same_type};
}

}  // namespace n2d2::ops
