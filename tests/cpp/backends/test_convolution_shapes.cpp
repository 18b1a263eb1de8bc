// Convolutions of many shapes, values and gradients, against loops over the definition in double.
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

constexpr std::int64_t kCapacity = 5;

/// Pairs are along height and width.
struct Conv {
  std::int64_t channels, outputs, group;
  std::int64_t side[2], kernel[2], strides[2], pads_begin[2], pads_end[2], dilations[2];

  std::int64_t extent(int i) const { return (side[i] + pads_begin[i] + pads_end[i] - dilations[i] * (kernel[i] - 1) - 1) / strides[i] + 1; }
  std::int64_t inputs() const { return channels / group; }  ///< of one output
  std::string text() const {
    std::string all = std::to_string(channels) + "->" + std::to_string(outputs) + " group " + std::to_string(group);
    for (const auto& pair : {side, kernel, strides, pads_begin, pads_end, dilations}) {
      all += " [" + std::to_string(pair[0]) + "," + std::to_string(pair[1]) + "]";
    }
    return all;
  }
};

float wave(std::size_t i, double seed) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 1.3 * seed)); }
std::vector<float> waves(std::int64_t count, double seed) {
  std::vector<float> all(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = wave(i, seed);
  return all;
}

/// Place of the logical weight [o,c,p,q] in memory: OIHW, or Keras' HWIO.
std::size_t weight_place(const Conv& g, bool hwio, std::int64_t o, std::int64_t c, std::int64_t p, std::int64_t q) {
  const std::int64_t place =
      hwio ? ((p * g.kernel[1] + q) * g.inputs() + c) * g.outputs + o : ((o * g.inputs() + c) * g.kernel[0] + p) * g.kernel[1] + q;
  return static_cast<std::size_t>(place);
}

/// A sum, and the sum of what its terms weigh: rounding is measured by it.
struct Sum {
  double value = 0, weight = 0;
  void add(double term) {
    value += term;
    weight += std::abs(term);
  }
};

struct Reference {
  std::vector<Sum> y, dx, dw, db;

  Reference(const Conv& g, bool hwio, std::int64_t rows, const float* x, const float* w, const float* b, const float* dy)
      : dx(static_cast<std::size_t>(rows * g.channels * g.side[0] * g.side[1])),
        dw(static_cast<std::size_t>(g.outputs * g.inputs() * g.kernel[0] * g.kernel[1])),
        db(static_cast<std::size_t>(g.outputs)) {
    const std::int64_t height = g.extent(0), width = g.extent(1);
    for (std::int64_t at = 0; at < rows * g.outputs * height * width; ++at) {
      const std::int64_t j = at % width, i = at / width % height, o = at / (width * height) % g.outputs;
      const std::int64_t n = at / (width * height * g.outputs), first = o / (g.outputs / g.group) * g.inputs();
      const double gradient = dy[at];
      Sum sum{b[o], std::abs(b[o])};
      db[static_cast<std::size_t>(o)].add(gradient);
      for (std::int64_t c = 0; c < g.inputs(); ++c) {
        for (std::int64_t p = 0; p < g.kernel[0]; ++p) {
          for (std::int64_t q = 0; q < g.kernel[1]; ++q) {
            const std::int64_t row = i * g.strides[0] - g.pads_begin[0] + p * g.dilations[0];
            const std::int64_t column = j * g.strides[1] - g.pads_begin[1] + q * g.dilations[1];
            if (row < 0 || row >= g.side[0] || column < 0 || column >= g.side[1]) continue;
            const auto from = static_cast<std::size_t>(((n * g.channels + first + c) * g.side[0] + row) * g.side[1] + column);
            const std::size_t weight = weight_place(g, hwio, o, c, p, q);
            sum.add(static_cast<double>(x[from]) * w[weight]);
            dx[from].add(gradient * w[weight]);
            dw[weight].add(gradient * x[from]);
          }
        }
      }
      y.push_back(sum);
    }
  }
};

/// Where the reference is no number, neither is what was found. `in_tiles`: numbers are made in tiles of 4x4, in which rounding errors of
/// the largest, and what is no number, reach all others.
void check_close(const float* found, const std::vector<Sum>& expected, bool in_tiles) {
  double worst = 0, most = 0;
  bool spreads = false;
  for (const Sum& sum : expected) {
    spreads = spreads || (in_tiles && !std::isfinite(sum.value));
    most = std::max(most, std::isfinite(sum.weight) ? sum.weight : 0);
  }
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Sum& sum = expected[i];
    if (spreads && !std::isfinite(found[i])) continue;
    const double allowed = 2e-6 * (in_tiles ? most : sum.weight);
    const bool is_right = std::isfinite(sum.value) ? std::abs(found[i] - sum.value) <= allowed : !std::isfinite(found[i]);
    if (!is_right) worst = std::max(worst, std::isfinite(sum.value) && std::isfinite(found[i]) ? std::abs(found[i] - sum.value) : 1e30);
  }
  CHECK(worst == 0.0);
}

struct Trial {
  Conv conv;
  bool hwio;
  plan::Network network;
  std::vector<float> x, dx, y, dy;
  bool in_tiles = false;  ///< see check_close()

  Trial(const Conv& shape, bool keras_order, int lanes) : conv(shape), hwio(keras_order), network(cpu::cpu_backend(), kCapacity, lanes) {
    x = waves(kCapacity * conv.channels * conv.side[0] * conv.side[1], 1);
    y = dy = waves(kCapacity * conv.outputs * conv.extent(0) * conv.extent(1), 2);
    dx = x;
    network.set_graph(plan::Mode::train, graph());
    for (const char* name : {"w", "b"}) {
      plan::StateEntry& state = network.store().find(name);
      const std::vector<float> values = waves(state.count(), 3);
      std::copy(values.begin(), values.end(), state.memory);
    }
  }
  ir::Graph graph() const {
    ir::Graph graph(cpu::op_set());
    ir::Value* in = graph.add_input("x", {{Dim::rows(), conv.channels, conv.side[0], conv.side[1]}, DType::float32});
    ir::Value* w = graph.add_parameter("w", {{conv.outputs, conv.inputs(), conv.kernel[0], conv.kernel[1]}, DType::float32},
                                       hwio ? std::vector<int>{2, 3, 1, 0} : std::vector<int>{});
    ir::Value* b = graph.add_parameter("b", {{conv.outputs}, DType::float32});
    using Integers = std::vector<std::int64_t>;
    const ir::Attributes attributes = {{"strides", Integers(conv.strides, conv.strides + 2)},
                                       {"pads", Integers{conv.pads_begin[0], conv.pads_begin[1], conv.pads_end[0], conv.pads_end[1]}},
                                       {"dilations", Integers(conv.dilations, conv.dilations + 2)},
                                       {"group", conv.group}};
    graph.add_output(graph.add_node("Conv", {in, w, b}, attributes).output());
    return graph;
  }
  void check(std::int64_t rows) {
    const std::int64_t id = network.forward(
        {.inputs = {x.data()}, .rows = rows, .outputs = {y.data()}, .mode = plan::Mode::train, .keep = true, .input_gradients = true});
    network.backward({.state = id, .output_gradients = {dy.data()}, .input_gradients = {dx.data()}});
    const plan::StateEntry &w = network.store().find("w"), &b = network.store().find("b");
    const Reference reference(conv, hwio, rows, x.data(), w.memory, b.memory, dy.data());
    check_close(y.data(), reference.y, in_tiles);
    check_close(dx.data(), reference.dx, in_tiles);
    check_close(w.gradient, reference.dw, in_tiles);
    check_close(b.gradient, reference.db, in_tiles);
  }
};

void check_conv(const Conv& conv, const char* kernel, bool in_tiles = false) {
  INFO(conv.text());
  bool hwio = false;
  for (const int lanes : {1, 3}) {
    Trial trial(conv, hwio, lanes);
    trial.in_tiles = in_tiles;
    hwio = !hwio;
    for (const std::int64_t rows : {kCapacity, std::int64_t{1}, std::int64_t{2}}) trial.check(rows);
    CHECK(trial.network.plan_text().find(kernel) != std::string::npos);
  }
}

/// Geometries for an image of about 9 x 8.
const Conv kGeometries[] = {
    {0, 0, 1, {9, 8}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}}, {0, 0, 1, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}},
    {0, 0, 1, {8, 9}, {5, 4}, {1, 1}, {0, 0}, {0, 0}, {1, 1}}, {0, 0, 1, {9, 11}, {2, 7}, {1, 1}, {0, 3}, {1, 2}, {1, 1}},
    {0, 0, 1, {7, 8}, {3, 3}, {2, 3}, {0, 1}, {1, 0}, {1, 1}}, {0, 0, 1, {8, 8}, {3, 2}, {1, 2}, {2, 0}, {0, 1}, {2, 3}},
    {0, 0, 1, {9, 8}, {2, 1}, {3, 2}, {0, 0}, {1, 0}, {1, 1}}, {0, 0, 1, {6, 6}, {5, 5}, {3, 1}, {4, 4}, {4, 4}, {1, 1}},
    {0, 0, 1, {2, 3}, {4, 3}, {1, 1}, {2, 1}, {3, 2}, {1, 1}}};

TEST_CASE("dense convolutions of any number of channels") {
  for (Conv conv : kGeometries) {
    for (conv.channels = 1; conv.channels <= 5; conv.channels += 2) {
      for (const std::int64_t outputs : {1, 6, 10, 16, 40}) {
        conv.outputs = outputs;
        check_conv(conv, "conv_grad_weight:outer");
      }
    }
    for (const std::int64_t channels : {16, 17, 33}) {
      conv.channels = channels;
      for (const std::int64_t outputs : {1, 17, 64}) {
        conv.outputs = outputs;
        const bool by_tiles = outputs >= 16 && conv.kernel[0] == 3 && conv.kernel[1] == 3 && conv.strides[0] == 1;
        check_conv(conv, by_tiles ? "conv_grad_weight:winograd" : "conv_grad_weight:outer");
      }
    }
  }
}

TEST_CASE("weights of one tap, whose inputs are neighbours in memory") {
  Conv conv = {1, 1, 1, {5, 4}, {1, 1}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
  for (conv.channels = 30; conv.channels <= 70; conv.channels += 17) {
    for (conv.outputs = 8; conv.outputs <= 104; conv.outputs += 8) check_conv(conv, "conv_grad_weight:outer");
  }
}

TEST_CASE("3x3 taps by tiles of two and four rows and columns, and of both") {
  for (const std::int64_t rows : {5, 6, 7, 8, 13}) {
    for (const std::int64_t columns : {5, 10, 12, 15}) {
      const std::int64_t pad = (rows + columns) % 2;
      const Conv conv = {16, 33, 1, {rows + 2 - 2 * pad, columns + 2 - 2 * pad}, {3, 3}, {1, 1}, {pad, pad}, {pad, pad}, {1, 1}};
      check_conv(conv, "conv_grad_weight:winograd", true);
    }
  }
  const Conv many = {72, 64, 1, {10, 11}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};  // weights for tiles of one kind only
  check_conv(many, "conv_grad_weight:winograd", true);
  const Conv more = {272, 256, 1, {7, 5}, {3, 3}, {1, 1}, {1, 0}, {1, 2}, {1, 1}};  // of two rows and columns
  check_conv(more, "conv_grad_weight:winograd", true);
}

TEST_CASE(
    "gradients of 3x3 taps by steps of two in tiles, of whole ones and not, with the second or the first input under the middle tap") {
  for (const std::int64_t down : {0, 1, 2, 3}) {
    for (const std::int64_t across : {0, 1}) {
      for (const std::int64_t side : {13, 16, 22}) {
        const std::int64_t pads_end[2] = {(side + down + 1) % 2, across == 1 ? 1 : side % 2};
        const Conv conv = {18, 33, 1, {side, side + 1}, {3, 3}, {2, 2}, {down, across}, {pads_end[0], pads_end[1]}, {1, 1}};
        check_conv(conv, side == 16 ? "conv_grad_input:winograd_strided" : "conv_grad_weight:winograd_strided", true);
      }
    }
  }
  const Conv large = {32, 64, 1, {66, 40}, {3, 3}, {2, 2}, {1, 0}, {0, 1}, {1, 1}};  // whose tiles are not multiplied in one go
  check_conv(large, "conv_grad_weight:winograd_strided", true);
  const Conv unread = {16, 16, 1, {16, 16}, {3, 3}, {2, 2}, {0, 0}, {0, 0}, {1, 1}};
  check_conv(unread, "conv_grad_input:direct");
}

TEST_CASE("rounding errors do not grow with the channels, in tiles or directly") {
  for (const auto& [channels, step] : {std::pair<std::int64_t, std::int64_t>{64, 1}, {256, 1}, {64, 2}, {256, 2}}) {
    const Conv conv = {channels, 64, 1, {8, 8}, {3, 3}, {step, step}, {1, 1}, {1, 1}, {1, 1}};
    Trial trial(conv, false, 1);
    plan::StateEntry& w = trial.network.store().find("w");
    std::uint32_t state = 1;  // no wave: its neighbours cancel each other
    const auto random = [&] { return static_cast<float>(((state = state * 1664525U + 1013904223U) >> 8) % 20001) * 1e-4F - 1.0F; };
    for (std::int64_t i = 0; i < w.count(); ++i) w.memory[i] = random();
    for (float& x : trial.x) x = std::max(random(), 0.0F);
    trial.network.forward({.inputs = {trial.x.data()}, .rows = 1, .outputs = {trial.y.data()}, .mode = plan::Mode::train});
    const Reference reference(conv, false, 1, trial.x.data(), w.memory, trial.network.store().find("b").memory, trial.dy.data());
    double error = 0, size = 0;
    for (std::size_t i = 0; i < reference.y.size(); ++i) {
      error += std::pow(trial.y[i] - reference.y[i].value, 2);
      size += std::pow(reference.y[i].value, 2);
    }
    CHECK(std::sqrt(error / size) < 3e-7);
  }
}

TEST_CASE("a weight's gradient of images that do not fit a block, and of many images that do") {
  check_conv({3, 40, 1, {45, 70}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, "conv_grad_weight:outer");
  check_conv({8, 40, 1, {45, 70}, {3, 5}, {1, 1}, {1, 2}, {1, 2}, {1, 1}}, "conv_grad_weight:outer");
  check_conv({8, 24, 1, {45, 70}, {3, 3}, {2, 1}, {2, 4}, {1, 3}, {2, 3}}, "conv_grad_weight:outer");
  check_conv({72, 64, 1, {23, 24}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}}, "conv_grad_weight:outer");
  check_conv({12, 20, 1, {4, 4}, {4, 4}, {1, 1}, {0, 0}, {0, 0}, {1, 1}}, "conv_grad_weight:outer");
}

TEST_CASE("depthwise convolutions of any number of channels") {
  for (Conv conv : kGeometries) {
    for (const std::int64_t channels : {2, 3, 8, 10, 16, 17, 33, 64}) {
      conv.channels = conv.outputs = conv.group = channels;
      check_conv(conv, "conv_grad_weight:depthwise");
    }
  }
  check_conv({24, 24, 24, {40, 33}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, "conv_grad_input:depthwise");
  check_conv({128, 128, 128, {3, 3}, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}}, "conv:depthwise");
}

TEST_CASE("several outputs per channel, or several channels per group, are left to oneDNN") {
  check_conv({6, 12, 6, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, "conv_grad_weight:onednn");
  check_conv({6, 6, 3, {9, 8}, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, "conv_grad_input:onednn");
}

TEST_CASE("what is no number stays none") {
  const Conv plain = {1, 6, 1, {9, 8}, {3, 3}, {1, 1}, {0, 0}, {0, 0}, {1, 1}};
  Conv shapes[] = {plain, plain, plain};
  shapes[1].channels = shapes[1].outputs = 16;
  shapes[2].channels = shapes[2].outputs = shapes[2].group = 17;
  for (const Conv& conv : shapes) {
    Trial trial(conv, false, 1);
    trial.in_tiles = conv.channels == 16;
    trial.x[3] = std::numeric_limits<float>::quiet_NaN();
    trial.check(2);
    trial.x[3] = 1;
    trial.dy[5] = std::numeric_limits<float>::infinity();
    trial.check(2);
  }
}

}  // namespace
}  // namespace n2d2::tests
