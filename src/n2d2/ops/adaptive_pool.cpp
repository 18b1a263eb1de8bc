// AdaptiveAveragePool and AdaptiveMaxPool: what they mean.
#include <algorithm>
#include <numeric>

#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/resample.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

Types infer(const ir::Node& node) {
  expect_image(node, 0);
  const Shape& x = node.input_shape(0);
  return {{image_shape(x[0], x[1], expect_list(node, "output_size", static_cast<std::size_t>(x.rank()) - 2, 1)), DType::float32}};
}

/// The elements from `begin` on of window `i` of `to` windows over `from` elements.
struct Part {
  std::int64_t begin, size;
  Part(std::int64_t i, std::int64_t from, std::int64_t to) : begin(i * from / to), size(((i + 1) * from + to - 1) / to - begin) {}
};

/// Kernel extents of the pool that it is when every window has the same size, or nothing.
std::vector<std::int64_t> even_windows(const std::vector<std::int64_t>& from, const std::vector<std::int64_t>& to) {
  std::vector<std::int64_t> kernel;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] % to[i] != 0) return {};
    kernel.push_back(from[i] / to[i]);
  }
  return kernel;
}

void expand_average(ir::ExpandContext& e) {
  const auto from = spatial_of(e.node().input_shape(0)), to = e.node().integers("output_size");
  const auto kernel = even_windows(from, to);
  if (!kernel.empty()) return e.set(0, e.make("AveragePool", {e.input(0)}, {{"kernel_shape", kernel}, {"strides", kernel}}));
  ir::Value* value = e.input(0);
  for (std::size_t axis = 0; axis < from.size(); ++axis) {
    Taps taps;
    for (std::int64_t i = 0; i < to[axis]; ++i) {
      const Part part(i, from[axis], to[axis]);
      std::vector<Tap>& sum = taps.emplace_back();
      for (std::int64_t k = 0; k < part.size; ++k) sum.push_back({part.begin + k, 1.0 / static_cast<double>(part.size)});
    }
    value = resampled(e, value, static_cast<std::int64_t>(axis) + 2, taps);
  }
  e.set(0, value);
}

/// Axis after axis, the last one first: so the first of equals wins, row by row. Shorter windows repeat their last element.
void expand_max(ir::ExpandContext& e) {
  const auto from = spatial_of(e.node().input_shape(0)), to = e.node().integers("output_size");
  ir::Value* value = e.input(0);
  for (std::size_t axis = from.size(); axis-- > 0;) {
    std::int64_t most = 1;
    for (std::int64_t i = 0; i < to[axis]; ++i) most = std::max(most, Part(i, from[axis], to[axis]).size);
    Taps taps;
    for (std::int64_t i = 0; i < to[axis]; ++i) {
      const Part part(i, from[axis], to[axis]);
      for (std::int64_t k = 0; k < most; ++k) taps.push_back({{part.begin + std::min(k, part.size - 1)}});
    }
    value = resampled(e, value, static_cast<std::int64_t>(axis) + 2, taps);
    std::vector<std::int64_t> kernel(from.size(), 1);
    kernel[axis] = most;
    if (most > 1) value = e.make("MaxPool", {value}, {{"kernel_shape", kernel}, {"strides", kernel}});
  }
  e.set(0, value);
}

OpDef adaptive(const char* name, const char* doc, ir::Expansion expand) {
  return {.name = name,
          .domain = "n2d2",
          .doc = doc,
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"output_size", std::vector<std::int64_t>{}}},
          .infer = infer,
          .expand = expand};
}

}  // namespace

OpDef adaptive_average_pool() {
  return adaptive("AdaptiveAveragePool", "Mean of x from floor(i * L / n) to ceil((i + 1) * L / n) along each axis, n its output_size.",
                  expand_average);
}

OpDef adaptive_max_pool() {
  return adaptive("AdaptiveMaxPool", "Largest of x from floor(i * L / n) to ceil((i + 1) * L / n) along each axis, n its output_size.",
                  expand_max);
}

}  // namespace n2d2::ops
