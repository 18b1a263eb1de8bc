// LRN and LpNormalization: what they mean.
#include <fmt/core.h>

#include <algorithm>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/resample.h"

namespace n2d2::ops {
namespace {

Types infer_lrn(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  if (x.rank() < 3) throw ShapeError(fmt::format("input X has shape {}, expected at least 3 axes", x.text()));
  if (node.integer("size") < 1) throw ValueError(fmt::format("size {}, expected at least 1", node.integer("size")));
  return same_as_first(node);
}

void expand_lrn(ir::ExpandContext& e) {
  const ir::Node& node = e.node();
  const std::int64_t channels = node.input_shape(0)[1].size, size = node.integer("size");
  Taps taps(static_cast<std::size_t>(channels));
  for (std::int64_t c = 0; c < channels; ++c) {
    const std::int64_t begin = std::max<std::int64_t>(c - (size - 1) / 2, 0), end = std::min(c + size / 2 + 1, channels);
    for (std::int64_t k = begin; k < end; ++k) {
      taps[static_cast<std::size_t>(c)].push_back({k, node.number("alpha") / static_cast<double>(size)});
    }
  }
  const auto scalar = [&](const char* name, double sign) { return e.scalar(static_cast<float>(sign * node.number(name))); };
  ir::Value* sum = resampled(e, e.make("Mul", {e.input(0), e.input(0)}), 1, taps);
  ir::Value* factor = e.make("Pow", {e.make("Add", {sum, scalar("bias", 1.0)}), scalar("beta", -1.0)});
  e.set(0, e.make("Mul", {e.input(0), factor}));
}

Types infer_lp(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const int axis = normalized_axis(node.integer("axis"), x.rank(), "axis");
  if (x[axis].per_row) throw UnsupportedError(fmt::format("cannot normalise over the axis of the batch (input {})", x.text()));
  const std::int64_t p = node.integer("p");
  if (p != 1 && p != 2) throw ValueError(fmt::format("p {}, expected 1 or 2", p));
  return same_as_first(node);
}

void expand_lp(ir::ExpandContext& e) {
  const ir::Attributes axes = {{"axes", std::vector<std::int64_t>{e.node().integer("axis")}}, {"keepdims", std::int64_t{1}}};
  ir::Value* norm = e.make(e.node().integer("p") == 1 ? "ReduceL1" : "ReduceL2", {e.input(0)}, axes);
  e.set(0, e.make("Div", {e.input(0), norm}));
}

}  // namespace

/// Source: Krizhevsky, Sutskever and Hinton 2012, section 3.3.
OpDef lrn() {
  return {.name = "LRN",
          .since_opset = 13,
          .doc = "x[n,c] / (bias + alpha / size * sum of x[n,k]^2)^beta, k from c - floor((size-1)/2) to c + ceil((size-1)/2).",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"size", std::int64_t{1}}, {"alpha", 1e-4}, {"beta", 0.75}, {"bias", 1.0}},
          .infer = infer_lrn,
          .expand = expand_lrn};
}

OpDef lp_normalization() {
  return {.name = "LpNormalization",
          .since_opset = 1,
          .doc = "x / its norm along `axis`: the sum of magnitudes (p = 1) or the root of the sum of squares (p = 2).",
          .inputs = {{"input"}},
          .outputs = {"output"},
          .attributes = {{"axis", std::int64_t{-1}}, {"p", std::int64_t{2}}},
          .infer = infer_lp,
          .expand = expand_lp};
}

}  // namespace n2d2::ops
