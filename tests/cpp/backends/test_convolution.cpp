// Convolutions and products through whole plans: any number of rows and lanes, and no primitive made in a step.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/ops/op_table.h"
#include "n2d2/plan/network.h"
#include "reference_convolution.h"

namespace n2d2::tests {
namespace {

using Integers = std::vector<std::int64_t>;

constexpr std::int64_t kCapacity = 11;

struct Pool {
  Integers kernel, strides, pads;
  bool relu;
  std::int64_t extent(int axis, std::int64_t side) const {
    const auto i = static_cast<std::size_t>(axis);
    return (side + pads[i] + pads[i + 2] - kernel[i]) / strides[i] + 1;
  }
};

ir::Graph make_graph(const ConvGeometry& geometry, const std::vector<int>& order, const Pool* pool) {
  ir::Graph graph(ops::op_set());
  ir::Value* x = graph.add_input("x", {{Dim::rows(), kChannels, kSide, kSide}, DType::float32});
  ir::Value* w = graph.add_parameter("w", {{kOutputs, kChannels / geometry.group, 3, 3}, DType::float32}, order);
  ir::Value* b = graph.add_parameter("b", {{kOutputs}, DType::float32});
  const ir::Attributes attributes = {
      {"strides", geometry.strides}, {"pads", geometry.pads}, {"dilations", geometry.dilations}, {"group", geometry.group}};
  ir::Value* y = graph.add_node("Conv", {x, w, b}, attributes).output();
  if (pool != nullptr) {
    y = graph.add_node("MaxPool", {y}, {{"kernel_shape", pool->kernel}, {"strides", pool->strides}, {"pads", pool->pads}}).output();
    if (pool->relu) y = graph.add_node("Relu", {y}).output();
  }
  graph.add_output(y);
  return graph;
}

/// Max-pool, and Relu if any, of a convolution's output, and the gradient of that output.
struct ReferencePool {
  std::vector<double> y, dx;

  ReferencePool(const ConvGeometry& g, const Pool& pool, const std::vector<double>& x, const float* dy) : dx(x.size(), 0.0) {
    const std::int64_t height = g.extent(0), width = g.extent(1), rows = pool.extent(0, height), columns = pool.extent(1, width);
    for (std::int64_t plane = 0; plane < static_cast<std::int64_t>(x.size()) / (height * width); ++plane) {
      for (std::int64_t at = 0; at < rows * columns; ++at) {
        double best = -std::numeric_limits<double>::infinity();
        std::int64_t chosen = -1;
        for (std::int64_t place = 0; place < pool.kernel[0] * pool.kernel[1]; ++place) {
          const std::int64_t i = at / columns * pool.strides[0] - pool.pads[0] + place / pool.kernel[1];
          const std::int64_t j = at % columns * pool.strides[1] - pool.pads[1] + place % pool.kernel[1];
          if (i < 0 || i >= height || j < 0 || j >= width) continue;
          const std::int64_t from = (plane * height + i) * width + j;
          if (x[static_cast<std::size_t>(from)] > best) {
            best = x[static_cast<std::size_t>(from)];
            chosen = from;
          }
        }
        const double gradient = dy[y.size()];
        if (!pool.relu || best > 0) dx[static_cast<std::size_t>(chosen)] += gradient;
        y.push_back(pool.relu ? std::max(best, 0.0) : best);
      }
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

/// A network of one convolution, with the buffers of its batches.
struct Trial {
  ConvGeometry geometry;
  bool hwio;
  const Pool* pool;
  plan::Network network;
  plan::StateEntry &w, &b;
  std::vector<float> x, dx, y, dy;

  Trial(const ConvGeometry& conv, bool keras_order, const Pool* behind, int lanes)
      : geometry(conv), hwio(keras_order), pool(behind), network(cpu::cpu_backend(), kCapacity, lanes), w(state("w")), b(state("b")) {
    const std::int64_t places =
        behind == nullptr ? conv.extent(0) * conv.extent(1) : behind->extent(0, conv.extent(0)) * behind->extent(1, conv.extent(1));
    x.resize(kCapacity * kFloatsIn);
    dx.resize(x.size());
    y.resize(static_cast<std::size_t>(kCapacity * kOutputs * places));
    dy.resize(y.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = wave(static_cast<std::int64_t>(i), 1);
    for (std::size_t i = 0; i < dy.size(); ++i) dy[i] = wave(static_cast<std::int64_t>(i), 2);
    for (std::int64_t i = 0; i < w.count(); ++i) w.memory[i] = wave(i, 3);
    for (std::int64_t i = 0; i < b.count(); ++i) b.memory[i] = wave(i, 4);
  }
  void check(std::int64_t rows) {
    const std::int64_t id = network.forward(
        {.inputs = {x.data()}, .rows = rows, .outputs = {y.data()}, .mode = plan::Mode::train, .keep = true, .input_gradients = true});
    network.backward({.state = id, .output_gradients = {dy.data()}, .input_gradients = {dx.data()}});
    std::vector<double> gradient(dy.begin(), dy.end());
    gradient.resize(std::max<std::size_t>(gradient.size(), static_cast<std::size_t>(rows * geometry.floats_out())));
    std::vector<double> expected;
    if (pool != nullptr) {
      const ReferenceConvolution forward(geometry, hwio, rows, x.data(), w.memory, b.memory, gradient.data());
      const ReferencePool pooled(geometry, *pool, forward.y, dy.data());
      expected = pooled.y;
      gradient = pooled.dx;
    }
    const ReferenceConvolution reference(geometry, hwio, rows, x.data(), w.memory, b.memory, gradient.data());
    check_close(y.data(), pool == nullptr ? reference.y : expected);
    check_close(dx.data(), reference.dx);
    check_close(w.gradient, reference.dw);
    check_close(b.gradient, reference.db);
  }

 private:
  plan::StateEntry& state(const char* name) {
    if (network.store().entries().empty()) {
      network.set_graph(plan::Mode::train, make_graph(geometry, hwio ? std::vector<int>{2, 3, 1, 0} : std::vector<int>{}, pool));
    }
    return network.store().find(name);
  }
};

const ConvGeometry kGeometries[] = {{1, {1, 1}, {0, 0, 0, 0}, {1, 1}},
                                    {1, {2, 1}, {1, 0, 2, 1}, {1, 1}},
                                    {1, {1, 1}, {1, 1, 1, 1}, {2, 1}},
                                    {2, {1, 1}, {1, 1, 1, 1}, {2, 1}},
                                    {2, {2, 2}, {0, 1, 1, 0}, {1, 1}}};

void check_all(const Pool* pool, bool is_sparse) {
  for (const ConvGeometry& geometry : kGeometries) {
    for (const bool hwio : {false, true}) {
      for (const int lanes : {1, 2, 3}) {
        CAPTURE(&geometry - kGeometries);
        CAPTURE(hwio);
        CAPTURE(lanes);
        const std::int64_t before = cpu::primitives_created();
        Trial trial(geometry, hwio, pool, lanes);
        trial.check(kCapacity);
        trial.check(1);  // few rows have a plan of their own
        const std::int64_t made = cpu::primitives_created();
        CHECK((made > before) == (geometry.group > 1));  // only groups need oneDNN
        for (const std::int64_t rows : {std::int64_t{7}, std::int64_t{1}, kCapacity}) {
          CAPTURE(rows);
          trial.check(rows);
        }
        CHECK(cpu::primitives_created() == made);
        const std::string plan = trial.network.plan_text();
        const bool fused =
            plan.find("conv_grad_weight:sparse") != std::string::npos && plan.find("conv_grad_input:sparse") != std::string::npos;
        CHECK(fused == (is_sparse && geometry.group == 1));
      }
    }
  }
}

TEST_CASE("convolutions of any geometry, weight order, number of rows and lanes make no primitive in a step") { check_all(nullptr, false); }

TEST_CASE("convolutions behind whose pool few gradients are left") {
  for (const bool relu : {false, true}) {
    for (const Integers& strides : {Integers{2, 2}, Integers{3, 2}}) {
      for (const Integers& pads : {Integers{0, 0, 0, 0}, Integers{1, 0, 0, 1}}) {
        const Pool pool = {{2, 2}, strides, pads, relu};
        check_all(&pool, true);
      }
    }
  }
}

TEST_CASE("pools whose windows meet keep the full gradient") {
  const Pool pool = {{3, 2}, {2, 2}, {0, 0, 0, 0}, true};
  check_all(&pool, false);
}

}  // namespace
}  // namespace n2d2::tests
