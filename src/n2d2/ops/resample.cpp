// Resample: what it means.
#include "n2d2/ops/resample.h"

#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

int axis_of(const ir::Node& node) { return normalized_axis(node.integer("axis"), node.input_shape(0).rank(), "axis"); }

ir::Attributes attributes_of(std::int64_t axis, const Taps& taps) {
  std::vector<std::int64_t> offsets = {0}, indices;
  std::vector<double> weights;
  for (const auto& sum : taps) {
    for (const Tap& tap : sum) {
      indices.push_back(tap.index);
      weights.push_back(tap.weight);
    }
    offsets.push_back(static_cast<std::int64_t>(indices.size()));
  }
  return {{"axis", axis}, {"offsets", offsets}, {"indices", indices}, {"weights", weights}};
}

Types infer(const ir::Node& node) {
  expect_float(node, 0);
  Shape y = node.input_shape(0);
  const int axis = axis_of(node);
  if (y[axis].per_row) throw UnsupportedError(fmt::format("cannot resample the axis of the batch (input {})", y.text()));
  const auto& offsets = node.integers("offsets");
  const auto& indices = node.integers("indices");
  const auto taps = static_cast<std::int64_t>(indices.size());
  bool good = offsets.size() > 1 && offsets.front() == 0 && offsets.back() == taps && node.numbers("weights").size() == indices.size();
  for (std::size_t i = 1; i < offsets.size(); ++i) good = good && offsets[i - 1] <= offsets[i];
  for (const std::int64_t index : indices) good = good && index >= 0 && index < y[axis].size;
  if (!good) throw ValueError("offsets, indices and weights do not describe sums of elements of that axis");
  y[axis] = Dim(static_cast<std::int64_t>(offsets.size()) - 1);
  return {{y, DType::float32}};
}

/// The same weights, the other way round.
void gradient(ir::GradientContext& g) {
  const ir::Node& node = g.node();
  Taps taps(static_cast<std::size_t>(g.input(0)->shape()[axis_of(node)].size));
  const auto& offsets = node.integers("offsets");
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    for (auto k = static_cast<std::size_t>(offsets[i]); k < static_cast<std::size_t>(offsets[i + 1]); ++k) {
      taps[static_cast<std::size_t>(node.integers("indices")[k])].push_back({static_cast<std::int64_t>(i), node.numbers("weights")[k]});
    }
  }
  g.set(0, g.make("Resample", {g.dy()}, attributes_of(axis_of(node), taps)));
}

}  // namespace

bool is_identity(const Taps& taps, std::int64_t extent) {
  bool same = static_cast<std::int64_t>(taps.size()) == extent;
  for (std::size_t i = 0; same && i < taps.size(); ++i) {
    same = taps[i].size() == 1 && taps[i][0].index == static_cast<std::int64_t>(i) && taps[i][0].weight == 1.0;
  }
  return same;
}

ir::Value* resampled(ir::ExpandContext& e, ir::Value* value, std::int64_t axis, const Taps& taps) {
  if (is_identity(taps, value->shape()[static_cast<int>(axis)].size)) return value;
  return e.make("Resample", {value}, attributes_of(axis, taps));
}

OpDef resample() {
  return {.name = "Resample",
          .domain = "n2d2",
          .doc = "Along `axis`: y[i] = sum over k from offsets[i] to offsets[i+1] of weights[k] * x[indices[k]].",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"axis", std::int64_t{-1}},
                         {"offsets", std::vector<std::int64_t>{}},
                         {"indices", std::vector<std::int64_t>{}},
                         {"weights", std::vector<double>{}}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
