// Weights are packed shortly before they are read and gradients stored as soon as they are complete; numbers stay what they are.
#include "n2d2/plan/schedule.h"

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/ops/op_table.h"
#include "n2d2/plan/memory/memory_planner.h"
#include "n2d2/plan/network.h"

namespace n2d2::plan {
namespace {

PlannedStep step(std::string label, int segment, const ir::Node* node, std::vector<Use> uses = {}) {
  PlannedStep made;
  made.label = std::move(label);
  made.segment = segment;
  made.node = node;
  made.uses = std::move(uses);
  return made;
}

std::string labels_of(const std::vector<PlannedStep>& steps) {
  std::string labels;
  for (const PlannedStep& made : steps) labels += std::to_string(made.segment) + made.label + " ";
  return labels;
}

/// Nodes of which a list of steps can be made, the last two of them AccumulateGradient.
struct Nodes {
  ir::Graph graph{ops::op_set()};
  std::vector<const ir::Node*> list;
  Nodes() {
    ir::Value* x = graph.add_input("x", {{4}});
    for (const char* op : {"Relu", "Tanh", "Sigmoid"}) list.push_back(&graph.add_node(op, {x}));
    for (int i = 0; i < 2; ++i)
      list.push_back(&graph.add_node("AccumulateGradient", {x, graph.add_buffer("to" + std::to_string(i), {{4}})}));
  }
};

/// Two convolutions behind batch statistics, the second one too large for a copy of its weights per lane.
ir::Graph make_graph() {
  constexpr std::int64_t kWide = 144;
  ir::Graph graph(ops::op_set());
  ir::Value* h = graph.add_input("x", {{Dim::rows(), 8, 6, 6}});
  const std::vector<std::int64_t> same = {1, 1, 1, 1};
  std::int64_t from = 8;
  for (const std::string name : {"1", "2", "3"}) {
    const std::int64_t to = name == "3" ? 4 : kWide;
    h = graph.add_node("Conv", {h, graph.add_parameter("w" + name, {{to, from, 3, 3}})}, {{"pads", same}}).output();
    h = graph
            .add_node("BatchNormalization",
                      {h, graph.add_parameter("scale" + name, {{to}}), graph.add_parameter("shift" + name, {{to}}),
                       graph.add_buffer("mean" + name, {{to}}), graph.add_buffer("var" + name, {{to}})},
                      {{"training_mode", std::int64_t{1}}})
            .output();
    from = to;
  }
  graph.add_output(h);
  return graph;
}

void fill(float* to, std::size_t count, float seed) {
  for (std::size_t i = 0; i < count; ++i) to[i] = std::sin(static_cast<float>(i % 10007) * 0.7F + seed);
}

}  // namespace

TEST_CASE("a weight is packed at the end of the segment before its node, and stays to be packed first for the first segment") {
  const Nodes nodes;
  Storage weight, packed, other;
  std::vector<Packing> packings = {{nodes.list[1], Operand(&weight), Operand(&packed), "p", {}},
                                   {nodes.list[0], Operand(&weight), Operand(&other), "q", {}}};
  std::vector<PlannedStep> steps = {step("a", 0, nodes.list[0]), step("b", 1, nodes.list[2]), step("c", 2, nodes.list[2]),
                                    step("d", 2, nodes.list[1])};
  pack_before_use(packings, steps);
  CHECK(labels_of(steps) == "0a 1b 1p 2c 2d ");
  REQUIRE(packings.size() == 1);
  CHECK(packings[0].label == "q");
  packed.region = other.region = kPacked;
  packed.bytes = other.bytes = 128;
  std::deque<Storage> storages = {packed, other};
  steps[2].uses = {writes(Operand(&storages[0]), Access::features)};
  steps[4].uses = {reads(Operand(&storages[0]), Access::all)};
  const RegionSizes sizes = plan_memory({storages, steps, {}, 1, 2});
  CHECK(storages[0].region == kShared);
  CHECK(sizes.shared == 128);
  CHECK(sizes.packed == 128);
}

TEST_CASE("gradients are stored at the start of the segment behind the last step they depend on") {
  const Nodes nodes;
  Storage first, second;
  const Operand a(&first), b(&second);
  std::vector<PlannedStep> steps = {step("a", 0, nodes.list[0], {writes(a, Access::own)}),
                                    step("b", 1, nodes.list[1]),
                                    step("c", 1, nodes.list[2], {writes(b, Access::own)}),
                                    step("d", 2, nodes.list[0]),
                                    step("e", 3, nodes.list[0]),
                                    step("f", 3, nodes.list[3], {reads(a, Access::all)}),
                                    step("g", 3, nodes.list[4], {reads(b, Access::all)})};
  store_gradients_early(steps);
  CHECK(labels_of(steps) == "0a 1f 1b 1c 2g 2d 3e ");
}

TEST_CASE("weights packed in the middle of a training step give the output of those packed before it") {
  constexpr std::size_t kRows = 5;
  Network network(cpu::cpu_backend(), kRows, 2);
  network.set_graph(Mode::train, make_graph());
  std::vector<float> x(kRows * 8 * 36), y(kRows * 4 * 36), expected(y.size()), dx(x.size());
  fill(x.data(), x.size(), 1);
  for (int round = 0; round < 3; ++round) {
    for (auto& [name, entry] : network.store().entries()) {
      if (entry.is_parameter) fill(entry.memory, static_cast<std::size_t>(entry.count()), static_cast<float>(round) + 0.1F);
    }
    network.forward({.inputs = {x.data()}, .rows = kRows, .outputs = {expected.data()}, .mode = Mode::train});
    const std::int64_t state =
        network.forward({.inputs = {x.data()}, .rows = kRows, .outputs = {y.data()}, .mode = Mode::train, .keep = true});
    CHECK(y == expected);
    network.drop(state);
  }
  const std::string text = network.plan_text();
  CHECK(text.find("packed 0,") != std::string::npos);
  CHECK(text.find("packed ") < text.find("packed 0,"));  // the plan without backward packs them first
}

}  // namespace n2d2::plan
