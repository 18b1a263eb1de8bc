// Resize of the axes behind the channels: what it means. Source: ONNX Resize-19.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"
#include "n2d2/ops/resample.h"
#include "n2d2/ops/windows.h"

namespace n2d2::ops {
namespace {

/// One axis: extents before and behind, and elements of the input per element of the output.
struct Axis {
  std::int64_t from = 1, to = 1;
  double step = 1.0;
};

void expect_word(const ir::Node& node, const std::string& name, const std::vector<std::string>& words) {
  const std::string& word = node.attributes().text(name);
  if (std::find(words.begin(), words.end(), word) != words.end()) return;
  throw UnsupportedError(fmt::format("{} '{}', expected one of {}", name, word, fmt::join(words, ", ")));
}

std::vector<Axis> axes_of(const ir::Node& node) {
  const auto extents = spatial_of(node.input_shape(0));
  const auto& sizes = node.integers("sizes");
  const auto& scales = node.numbers("scales");
  if ((sizes.empty() && scales.empty()) || (!sizes.empty() && sizes.size() != extents.size()) ||
      (!scales.empty() && scales.size() != extents.size())) {
    throw ValueError(fmt::format("expected {} sizes or scales, got {} and {}", extents.size(), sizes.size(), scales.size()));
  }
  std::vector<Axis> axes;
  for (std::size_t i = 0; i < extents.size(); ++i) {
    Axis axis{.from = extents[i]};
    if (!scales.empty() && !(scales[i] > 0.0)) throw ValueError(fmt::format("scales holds {}, expected more than 0", scales[i]));
    axis.to = sizes.empty() ? static_cast<std::int64_t>(std::floor(static_cast<double>(axis.from) * scales[i])) : sizes[i];
    if (axis.to < 1) throw ShapeError(fmt::format("axis {} of extent {} would be left with {} elements", i + 2, axis.from, axis.to));
    axis.step = scales.empty() ? static_cast<double>(axis.from) / static_cast<double>(axis.to) : 1.0 / scales[i];
    axes.push_back(axis);
  }
  return axes;
}

Types infer(const ir::Node& node) {
  expect_image(node, 0);
  expect_word(node, "mode", {"nearest", "linear", "cubic"});
  expect_word(node, "coordinate_transformation_mode", {"half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"});
  expect_word(node, "nearest_mode", {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"});
  std::vector<std::int64_t> extents;
  for (const Axis& axis : axes_of(node)) extents.push_back(axis.to);
  return {{image_shape(node.input_shape(0)[0], node.input_shape(0)[1], extents), DType::float32}};
}

/// Where element `i` of the output lies on the input's axis. In Number's precision: the nearest neighbour of a place halfway depends
/// on it, and frameworks work in float.
template <class Number>
Number coordinate(const std::string& transformation, const Axis& axis, std::int64_t i) {
  const auto at = static_cast<Number>(i), step = static_cast<Number>(axis.step);
  if (transformation == "asymmetric") return at * step;
  if (transformation == "align_corners") {
    return axis.to == 1 ? Number{0} : at * (static_cast<Number>(axis.from - 1) / static_cast<Number>(axis.to - 1));
  }
  if (transformation == "pytorch_half_pixel" && axis.to == 1) return Number{0};
  return (at + Number{0.5}) * step - Number{0.5};
}

std::int64_t nearest(const std::string& mode, float x) {
  if (mode == "floor") return static_cast<std::int64_t>(std::floor(x));
  if (mode == "ceil") return static_cast<std::int64_t>(std::ceil(x));
  const float up = std::floor(x + 0.5F);
  return static_cast<std::int64_t>(mode == "round_prefer_floor" && up - x == 0.5F ? up - 1.0F : up);
}

/// Weights of the neighbours -1, 0, 1, 2 of a place `t` behind neighbour 0. Source: Keys 1981, equation 4 with the free coefficient a.
std::vector<double> cubic_weights(double t, double a) {
  const auto near = [a](double d) { return ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0; };
  const auto far = [a](double d) { return ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a; };
  return {far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)};
}

/// Taps beyond the border fall on it, or are left out and the others scaled up.
std::vector<Tap> inside(std::vector<Tap> taps, std::int64_t extent, bool leaves_out) {
  std::vector<Tap> kept;
  double total = 0.0;
  for (Tap tap : taps) {
    const bool is_outside = tap.index < 0 || tap.index >= extent;
    if (tap.weight == 0.0 || (leaves_out && is_outside)) continue;
    tap.index = std::clamp<std::int64_t>(tap.index, 0, extent - 1);
    total += tap.weight;
    const auto same = std::find_if(kept.begin(), kept.end(), [&](const Tap& other) { return other.index == tap.index; });
    same == kept.end() ? kept.push_back(tap) : void(same->weight += tap.weight);
  }
  for (Tap& tap : kept) tap.weight /= leaves_out ? total : 1.0;
  return kept;
}

Taps taps_of(const ir::Node& node, const Axis& axis) {
  const std::string& mode = node.attributes().text("mode");
  const std::string& transformation = node.attributes().text("coordinate_transformation_mode");
  const bool leaves_out = node.integer("exclude_outside") != 0;
  Taps taps;
  for (std::int64_t i = 0; i < axis.to; ++i) {
    std::vector<Tap> sum;
    if (mode == "nearest") {
      sum = {{nearest(node.attributes().text("nearest_mode"), coordinate<float>(transformation, axis, i)), 1.0}};
    } else {
      const double x = coordinate<double>(transformation, axis, i), first = std::floor(x);
      const bool is_cubic = mode == "cubic";
      const auto weights = is_cubic ? cubic_weights(x - first, node.number("cubic_coeff_a")) : std::vector{1.0 - (x - first), x - first};
      for (std::size_t k = 0; k < weights.size(); ++k) {
        sum.push_back({static_cast<std::int64_t>(first) + static_cast<std::int64_t>(k) - (is_cubic ? 1 : 0), weights[k]});
      }
    }
    taps.push_back(inside(sum, axis.from, leaves_out && mode != "nearest"));
  }
  return taps;
}

/// One axis after the other, those first that get shorter.
void expand(ir::ExpandContext& e) {
  const auto axes = axes_of(e.node());
  ir::Value* value = e.input(0);
  for (const bool shorter : {true, false}) {
    for (std::size_t i = 0; i < axes.size(); ++i) {
      if ((axes[i].to < axes[i].from) == shorter) {
        value = resampled(e, value, static_cast<std::int64_t>(i) + 2, taps_of(e.node(), axes[i]));
      }
    }
  }
  e.set(0, value);
}

}  // namespace

OpDef resize() {
  return {.name = "Resize",
          .since_opset = 19,
          .doc =
              "The image at other extents: `sizes`, or those of the input times `scales`, of the axes behind the channels; with both, "
              "coordinates follow from scales.",
          .inputs = {{"X"}},
          .outputs = {"Y"},
          .attributes = {{"sizes", std::vector<std::int64_t>{}},
                         {"scales", std::vector<double>{}},
                         {"mode", std::string("nearest")},
                         {"coordinate_transformation_mode", std::string("half_pixel")},
                         {"nearest_mode", std::string("round_prefer_floor")},
                         {"cubic_coeff_a", -0.75},
                         {"exclude_outside", std::int64_t{0}}},
          .infer = infer,
          .expand = expand};
}

}  // namespace n2d2::ops
