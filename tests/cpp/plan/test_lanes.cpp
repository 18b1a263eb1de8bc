// Training steps of a network with most operators: one thread and several give the same bits, also with fewer rows than lanes.
// Under ThreadSanitizer it shows a missing barrier between the lanes of kernels.
#include <doctest/doctest.h>
#include <sched.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/ops/op_table.h"
#include "n2d2/plan/network.h"
#include "n2d2/plan/threads/cpu_limits.h"
#include "n2d2/solvers/adam.h"

namespace n2d2::plan {
namespace {

using Integers = std::vector<std::int64_t>;

ir::Value* node(ir::Graph& graph, const std::string& op, std::vector<ir::Value*> inputs, ir::Attributes attributes = {}) {
  return graph.add_node(op, std::move(inputs), std::move(attributes)).output();
}

ir::Graph make_graph() {
  ir::Graph graph(ops::op_set());
  const auto parameter = [&](const char* name, Shape shape) { return graph.add_parameter(name, {std::move(shape), DType::float32}); };
  ir::Value* x = graph.add_input("x", {{Dim::rows(), 3, 9, 9}, DType::float32});
  ir::Value* labels = graph.add_input("labels", {{Dim::rows()}, DType::int64});
  ir::Value* h = node(graph, "Conv", {x, parameter("w1", {8, 3, 3, 3}), parameter("b1", {8})}, {{"pads", Integers{1, 1, 1, 1}}});
  const auto normalise = [&](ir::Value* value, const std::string& name) {
    return node(graph, "BatchNormalization",
                {value, graph.add_parameter("scale" + name, {{8}}), graph.add_parameter("shift" + name, {{8}}),
                 graph.add_buffer("mean" + name, {{8}}), graph.add_buffer("var" + name, {{8}})},
                {{"training_mode", std::int64_t{1}}});
  };
  // Large enough that lanes share its rows where a batch has one.
  h = node(graph, "Conv", {h, parameter("w0", {8, 8, 11, 11}), parameter("b0", {8})}, {{"pads", Integers{5, 5, 5, 5}}});
  h = normalise(h, "1");
  h = node(graph, "Relu", {node(graph, "Add", {normalise(node(graph, "Relu", {normalise(h, "2")}), "3"), h})});
  h = node(graph, "MaxPool", {h}, {{"kernel_shape", Integers{2, 2}}, {"strides", Integers{2, 2}}});
  ir::Value* a = node(graph, "Conv", {h, parameter("w2", {8, 4, 3, 3})}, {{"pads", Integers{1, 1, 1, 1}}, {"group", std::int64_t{2}}});
  ir::Value* b = node(graph, "AveragePool", {h}, {{"kernel_shape", Integers{3, 3}}, {"pads", Integers{1, 1, 1, 1}}});
  h = node(graph, "Concat", {node(graph, "Add", {a, h}), node(graph, "Mul", {b, parameter("gain", {1, 8, 1, 1})})},
           {{"axis", std::int64_t{1}}});
  h = node(graph, "Dropout", {node(graph, "LeakyRelu", {h})}, {{"ratio", 0.25}, {"training_mode", std::int64_t{1}}});
  ir::Value* pooled = node(graph, "Flatten", {node(graph, "GlobalAveragePool", {h})});
  ir::Value* flat = node(graph, "Flatten", {h});
  ir::Value* wide = node(graph, "Gemm", {flat, parameter("w3", {256, 12}), parameter("b3", {12})});
  ir::Value* narrow = node(graph, "Gemm", {pooled, parameter("w4", {12, 16})}, {{"transB", std::int64_t{1}}});
  h = node(graph, "Tanh", {node(graph, "Sub", {wide, node(graph, "Sigmoid", {narrow})})});
  h = node(graph, "Gemm", {h, parameter("w5", {12, 10}), parameter("b5", {10})});
  graph.add_output(node(graph, "SoftmaxCrossEntropyLoss", {h, labels}));
  return graph;
}

/// All parameters and buffers after some steps, whose batches have 13, 2 and 1 rows.
std::vector<float> train(int lanes) {
  Network network(cpu::cpu_backend(), 13, lanes);
  network.set_graph(Mode::train, make_graph());
  int seed = 0;
  for (auto& [name, entry] : network.store().entries()) {
    ++seed;
    for (std::int64_t i = 0; i < entry.count(); ++i)
      entry.memory[i] = 0.3F * static_cast<float>(std::sin(static_cast<double>(i * seed) + seed));
    if (name.starts_with("var")) std::fill(entry.memory, entry.memory + entry.count(), 1.0F);
    if (entry.is_parameter) network.set_solver(name, std::make_shared<solvers::Adam>(solvers::AdamOptions{}));
  }
  std::vector<float> x(13 * 3 * 9 * 9);
  std::vector<std::int64_t> labels(13);
  float loss = 0, one = 1;
  for (int step = 0; step < 12; ++step) {
    const std::int64_t rows = step % 4 == 1 ? 2 : step % 4 == 3 ? 1 : 13;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(std::sin(0.37 * static_cast<double>(i) + step));
    for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int64_t>(i + static_cast<std::size_t>(step)) % 10;
    const std::int64_t state = network.forward({.inputs = {x.data(), labels.data()},
                                                .rows = rows,
                                                .outputs = {&loss},
                                                .mode = Mode::train,
                                                .keep = true,
                                                .key = static_cast<std::uint64_t>(step)});
    CHECK(std::isfinite(loss));
    network.backward({.state = state, .output_gradients = {&one}});
    network.update();
  }
  std::vector<float> all;
  for (const auto& [name, entry] : network.store().entries()) all.insert(all.end(), entry.memory, entry.memory + entry.count());
  return all;
}

/// The process keeps to one core while this lives, so that runs take one thread.
class OneCore {
 public:
  OneCore() {
    sched_getaffinity(0, sizeof(before_), &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(sched_getcpu()), &one);
    sched_setaffinity(0, sizeof(one), &one);
    wait();
  }
  ~OneCore() {
    sched_setaffinity(0, sizeof(before_), &before_);
    wait();
  }

 private:
  static void wait() { std::this_thread::sleep_for(std::chrono::milliseconds(120)); }  // until default_threads() looks again
  cpu_set_t before_;
};

TEST_CASE("a network's weights do not depend on the number of threads") {
  for (const int lanes : {2, 3}) {
    CAPTURE(lanes);
    std::vector<float> expected;
    {
      const OneCore one_core;
      REQUIRE(default_threads() == 1);
      expected = train(lanes);
    }
    CHECK(train(lanes) == expected);
    CHECK(train(lanes) == expected);
  }
}

}  // namespace
}  // namespace n2d2::plan
