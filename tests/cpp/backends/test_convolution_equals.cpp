// Convolutions of images with blank and even parts: outputs that see nothing but zeros are the bias, and those of a window that see the
// same are equal, bit by bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/backends/cpu/op_set.h"
#include "n2d2/plan/network.h"

namespace n2d2::tests {
namespace {

constexpr std::int64_t kRows = 3;

struct Shape {
  std::int64_t channels, outputs, height, width, pad;
};

/// A convolution of 3x3 taps, and an image of each row: zeros on the left, noise, and on the right the same in every place.
struct Blank {
  Shape shape;
  bool relu;
  std::int64_t height, width;  ///< of the outputs
  std::vector<float> x, y;
  plan::Network network;

  Blank(const Shape& s, bool with_relu, int lanes)
      : shape(s),
        relu(with_relu),
        height(s.height + 2 * s.pad - 2),
        width(s.width + 2 * s.pad - 2),
        y(static_cast<std::size_t>(kRows * s.outputs * height * width)),
        network(cpu::cpu_backend(), kRows, lanes) {
    ir::Graph graph(cpu::op_set());
    ir::Value* in = graph.add_input("x", {{Dim::rows(), s.channels, s.height, s.width}, DType::float32});
    ir::Value* w = graph.add_parameter("w", {{s.outputs, s.channels, 3, 3}, DType::float32});
    ir::Value* b = graph.add_parameter("b", {{s.outputs}, DType::float32});
    const ir::Attributes pads = {{"pads", std::vector<std::int64_t>(4, s.pad)}};
    graph.add_output(graph.add_node(relu ? "ConvRelu" : "Conv", {in, w, b}, pads).output());
    network.set_graph(plan::Mode::evaluate, graph);
    for (const char* name : {"w", "b"}) {
      plan::StateEntry& state = network.store().find(name);
      for (std::int64_t i = 0; i < state.count(); ++i) state.memory[i] = std::sin(0.7F * static_cast<float>(i) + 1.0F);
    }
    for (std::int64_t i = 0; i < kRows * s.channels; ++i) {
      for (std::int64_t at = 0; at < s.height * s.width; ++at) {
        const std::int64_t column = at % s.width + i / s.channels;  // the parts lie elsewhere in every image
        const auto k = static_cast<float>(i % s.channels);
        const float noise = std::sin(1.9F * static_cast<float>(at) + 0.3F * k);
        x.push_back(3 * column < s.width ? 0.0F : 3 * column < 2 * s.width ? noise : 0.25F + 0.01F * k);
      }
    }
  }

  void run() { network.forward({.inputs = {x.data()}, .rows = kRows, .outputs = {y.data()}, .mode = plan::Mode::evaluate}); }
  float at(std::int64_t n, std::int64_t o, std::int64_t i, std::int64_t j) const {
    return y[static_cast<std::size_t>(((n * shape.outputs + o) * height + i) * width + j)];
  }
  /// What an output sees of channel c.
  std::vector<float> seen(std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) const {
    std::vector<float> all;
    for (std::int64_t row = i - shape.pad; row < i - shape.pad + 3; ++row) {
      for (std::int64_t column = j - shape.pad; column < j - shape.pad + 3; ++column) {
        const bool is_inside = row >= 0 && row < shape.height && column >= 0 && column < shape.width;
        all.push_back(is_inside ? x[static_cast<std::size_t>(((n * shape.channels + c) * shape.height + row) * shape.width + column)] : 0);
      }
    }
    return all;
  }
  bool see_the_same(std::int64_t n, std::int64_t i, std::int64_t j, std::int64_t other_i, std::int64_t other_j) const {
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      if (seen(n, c, i, j) != seen(n, c, other_i, other_j)) return false;
    }
    return true;
  }
  bool sees_zeros(std::int64_t n, std::int64_t i, std::int64_t j) const {
    for (std::int64_t c = 0; c < shape.channels; ++c) {
      if (seen(n, c, i, j) != std::vector<float>(9)) return false;
    }
    return true;
  }
};

void check(const Shape& shape, bool relu, int lanes) {
  INFO(shape.channels, "->", shape.outputs, " of ", shape.height, "x", shape.width);
  Blank blank(shape, relu, lanes);
  blank.run();
  const float* bias = blank.network.store().find("b").memory;
  std::int64_t zeros = 0, equals = 0, wrong = 0;
  for (std::int64_t n = 0; n < kRows; ++n) {
    for (std::int64_t i = 0; i < blank.height; ++i) {
      for (std::int64_t j = 0; j < blank.width; ++j) {
        const bool is_blank = blank.sees_zeros(n, i, j);
        const std::int64_t first_i = i / 2 * 2, first_j = j / 2 * 2;
        const bool is_even = (i != first_i || j != first_j) && blank.see_the_same(n, i, j, first_i, first_j);
        zeros += is_blank;
        equals += is_even;
        for (std::int64_t o = 0; o < shape.outputs; ++o) {
          if (is_blank && blank.at(n, o, i, j) != (relu ? std::max(bias[o], 0.0F) : bias[o])) ++wrong;
          if (is_even && blank.at(n, o, i, j) != blank.at(n, o, first_i, first_j)) ++wrong;
        }
      }
    }
  }
  CHECK(wrong == 0);
  CHECK(zeros >= 10);
  CHECK(equals >= 10);
}

TEST_CASE("what sees nothing but zeros is the bias, and what sees the same is equal") {
  const Shape shapes[] = {{16, 16, 8, 8, 1},   {16, 17, 13, 14, 0}, {33, 16, 10, 11, 1}, {40, 64, 16, 15, 1},
                          {72, 64, 12, 12, 1}, {16, 16, 9, 18, 0},  {64, 65, 9, 13, 1},  {3, 20, 9, 12, 1}};
  for (const Shape& shape : shapes) {
    for (const bool relu : {false, true}) {
      for (const int lanes : {1, 3}) check(shape, relu, lanes);
    }
  }
}

TEST_CASE("zeros under a weight that is no number are none") {
  Blank blank({16, 16, 8, 8, 1}, false, 1);
  blank.network.store().find("w").memory[5] = std::numeric_limits<float>::quiet_NaN();
  blank.network.store().find("w").memory[16 * 9 + 3] = std::numeric_limits<float>::infinity();
  std::fill(blank.x.begin(), blank.x.end(), 0.0F);
  blank.run();
  CHECK(std::isnan(blank.at(1, 0, 3, 3)));
  CHECK(std::isnan(blank.at(1, 1, 3, 3)));
  CHECK(std::isfinite(blank.at(1, 2, 3, 3)));
}

}  // namespace
}  // namespace n2d2::tests
