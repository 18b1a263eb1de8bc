// Convolutions and products through whole plans: any number of rows and lanes, and no primitive made in a step.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/ops/op_table.h"
#include "n2d2/plan/network.h"

namespace n2d2::cpu {
namespace {

using Integers = std::vector<std::int64_t>;

constexpr std::int64_t kSide = 7, kChannels = 4, kOutputs = 6;
constexpr std::int64_t kFloatsIn = kChannels * kSide * kSide;

struct Geometry {
  std::int64_t group;
  Integers strides, pads, dilations;
  std::int64_t height(int axis) const {
    const auto i = static_cast<std::size_t>(axis);
    return (kSide + pads[i] + pads[i + 2] - dilations[i] * 2 - 1) / strides[i] + 1;
  }
};

const Geometry kGeometries[] = {{1, {1, 1}, {0, 0, 0, 0}, {1, 1}},
                                {1, {2, 1}, {1, 0, 2, 1}, {1, 1}},
                                {2, {1, 1}, {1, 1, 1, 1}, {2, 1}},
                                {2, {2, 2}, {0, 1, 1, 0}, {1, 1}}};

ir::Graph make_graph(const Geometry& geometry, const std::vector<int>& order) {
  ir::Graph graph(ops::op_set());
  ir::Value* x = graph.add_input("x", {{Dim::rows(), kChannels, kSide, kSide}, DType::float32});
  ir::Value* w = graph.add_parameter("w", {{kOutputs, kChannels / geometry.group, 3, 3}, DType::float32}, order);
  ir::Value* b = graph.add_parameter("b", {{kOutputs}, DType::float32});
  graph.add_output(
      graph
          .add_node("Conv", {x, w, b},
                    {{"strides", geometry.strides}, {"pads", geometry.pads}, {"dilations", geometry.dilations}, {"group", geometry.group}})
          .output());
  return graph;
}

float value(std::int64_t i, int seed) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 1.3 * seed)); }

/// Place of the logical weight [o,c,p,q] in memory: OIHW, or Keras' HWIO.
std::int64_t place(bool hwio, std::int64_t c_count, std::int64_t o, std::int64_t c, std::int64_t p, std::int64_t q) {
  return hwio ? ((p * 3 + q) * c_count + c) * kOutputs + o : ((o * c_count + c) * 3 + p) * 3 + q;
}

/// Output and gradients of one convolution in double.
struct Reference {
  std::vector<double> y, dx, dw, db;

  Reference(const Geometry& g, bool hwio, std::int64_t rows, const float* x, const float* w, const float* b, const float* dy) {
    const std::int64_t height = g.height(0), width = g.height(1), in = kChannels / g.group, out = kOutputs / g.group;
    y.resize(static_cast<std::size_t>(rows * kOutputs * height * width));
    dx.resize(static_cast<std::size_t>(rows * kFloatsIn));
    dw.resize(static_cast<std::size_t>(kOutputs * in * 9));
    db.resize(kOutputs);
    for (std::int64_t at = 0; at < static_cast<std::int64_t>(y.size()); ++at) {
      const std::int64_t j = at % width, i = at / width % height, o = at / (width * height) % kOutputs,
                         n = at / (width * height * kOutputs);
      double sum = b[o];
      db[static_cast<std::size_t>(o)] += dy[at];
      for (std::int64_t tap = 0; tap < in * 9; ++tap) {
        const std::int64_t q = tap % 3, p = tap / 3 % 3, c = tap / 9;
        const std::int64_t row = i * g.strides[0] - g.pads[0] + p * g.dilations[0];
        const std::int64_t column = j * g.strides[1] - g.pads[1] + q * g.dilations[1];
        if (row < 0 || row >= kSide || column < 0 || column >= kSide) continue;
        const std::int64_t from = n * kFloatsIn + ((o / out * in + c) * kSide + row) * kSide + column;
        const std::int64_t weight = place(hwio, in, o, c, p, q);
        sum += static_cast<double>(x[from]) * w[weight];
        dx[static_cast<std::size_t>(from)] += static_cast<double>(dy[at]) * w[weight];
        dw[static_cast<std::size_t>(weight)] += static_cast<double>(dy[at]) * x[from];
      }
      y[static_cast<std::size_t>(at)] = sum;
    }
  }
};

void check_close(const float* found, const std::vector<double>& expected) {
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  CHECK(worst <= 2e-6 * largest);
}

TEST_CASE("convolutions of any geometry, weight order, number of rows and lanes") {
  constexpr std::int64_t kCapacity = 11;
  for (const Geometry& geometry : kGeometries) {
    for (const bool hwio : {false, true}) {
      for (const int lanes : {1, 2, 3}) {
        plan::Network network(cpu_backend(), kCapacity, lanes);
        network.set_graph(plan::Mode::train, make_graph(geometry, hwio ? std::vector<int>{2, 3, 1, 0} : std::vector<int>{}));
        const std::int64_t y_row = kOutputs * geometry.height(0) * geometry.height(1);
        std::vector<float> x(kCapacity * kFloatsIn), dx(x.size()), y(static_cast<std::size_t>(kCapacity * y_row)), dy(y.size());
        for (std::size_t i = 0; i < x.size(); ++i) x[i] = value(static_cast<std::int64_t>(i), 1);
        for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = value(static_cast<std::int64_t>(i), 2);
        plan::StateEntry& w = network.store().find("w");
        plan::StateEntry& b = network.store().find("b");
        for (std::int64_t i = 0; i < w.count(); ++i) w.memory[i] = value(i, 3);
        for (std::int64_t i = 0; i < b.count(); ++i) b.memory[i] = value(i, 4);
        std::int64_t made = 0;
        for (const std::int64_t rows : {kCapacity, std::int64_t{7}, std::int64_t{1}, kCapacity}) {
          CAPTURE(geometry.group);
          CAPTURE(hwio);
          CAPTURE(lanes);
          CAPTURE(rows);
          const std::int64_t state = network.forward({.inputs = {x.data()},
                                                      .rows = rows,
                                                      .outputs = {y.data()},
                                                      .mode = plan::Mode::train,
                                                      .keep = true,
                                                      .input_gradients = true});
          network.backward({.state = state, .output_gradients = {dy.data()}, .input_gradients = {dx.data()}});
          const Reference reference(geometry, hwio, rows, x.data(), w.memory, b.memory, dy.data());
          check_close(y.data(), reference.y);
          check_close(dx.data(), reference.dx);
          check_close(w.gradient, reference.dw);
          check_close(b.gradient, reference.db);
          if (made == 0) made = primitives_created();
          CHECK(primitives_created() == made);
        }
        CHECK(made > 0);
      }
    }
  }
}

}  // namespace
}  // namespace n2d2::cpu
