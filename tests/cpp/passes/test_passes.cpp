#include <doctest/doctest.h>

#include "graphs.h"
#include "n2d2/backends/cpu/op_set.h"
#include "n2d2/backends/cpu/passes/fuse_normalization.h"
#include "n2d2/backends/cpu/passes/layout.h"
#include "n2d2/core/error.h"
#include "n2d2/passes/autodiff.h"
#include "n2d2/passes/lane_sums.h"
#include "n2d2/passes/output_copies.h"
#include "n2d2/passes/pool_before_relu.h"

using namespace n2d2;
using namespace n2d2::tests;

TEST_CASE("autodiff stores a gradient per trainable parameter and gives input gradients when asked") {
  Graph g = small_convnet();
  for (const auto& value : g.values()) {
    if (value->name == "b") value->trainable = false;
  }
  const auto backward = passes::add_backward(g, {.input_gradients = true});
  CHECK(backward.parameters.size() == 2);
  CHECK(count(g, "AccumulateGradient", ir::Phase::backward) == 2);
  CHECK(count(g, "ConvGradInput", ir::Phase::backward) == 1);
  REQUIRE(backward.input_gradients.size() == 1);
  CHECK(backward.input_gradients[0]->type == g.values_of(ir::ValueKind::input)[0]->type);
  CHECK(find(g, "ConvGradWeight")->integer("has_bias") == 0);
  ir::verify(g);
}

TEST_CASE("without input gradients nothing is made for the input") {
  Graph g = small_convnet();
  const auto backward = passes::add_backward(g, {});
  CHECK(count(g, "ConvGradInput", ir::Phase::backward) == 0);
  CHECK(backward.input_gradients[0] == nullptr);
}

TEST_CASE("a value used twice gets the sum of its gradients") {
  Graph g(ops::op_set());
  Value* w = g.add_parameter("w", {{3}});
  Value* x = g.add_input("x", {{Dim::rows(), 3}});
  g.add_output(only(g.add_node("Mul", {only(g.add_node("Add", {x, w})), w})));
  passes::add_backward(g, {});
  passes::add_lane_sums(g);
  ir::verify(g);
  CHECK(count(g, "AccumulateGradient", ir::Phase::backward) == 1);
  CHECK(count(g, "Add", ir::Phase::backward) == 1);
  CHECK(count(g, "LaneSum", ir::Phase::backward) == 2);  // both sums over the rows, before they are added
}

TEST_CASE("the pool moves in front of the relu, unless somebody else reads the relu") {
  Graph g = small_convnet();
  passes::move_pool_before_relu(g);
  ir::verify(g);
  CHECK(find(g, "MaxPool")->input(0)->producer->op().name == "Conv");
  CHECK(find(g, "Relu")->input(0)->producer->op().name == "MaxPool");
  CHECK(find(g, "Flatten")->input(0)->producer->op().name == "Relu");

  Graph shared = small_convnet();
  shared.add_output(find(shared, "Relu")->output());
  passes::move_pool_before_relu(shared);
  CHECK(find(shared, "MaxPool")->input(0)->producer->op().name == "Relu");
}

TEST_CASE("layout puts activations of convolutions channels-last and reorders before Flatten only") {
  Graph g = small_convnet();
  passes::add_output_copies(g, 1);
  cpu::assign_layout(g);
  ir::verify(g);
  const std::vector<int> channels_last = {0, 2, 3, 1};
  CHECK(find(g, "Conv")->output()->order == channels_last);
  CHECK(find(g, "Relu")->output()->order == channels_last);
  CHECK(find(g, "MaxPool")->output()->order == channels_last);
  CHECK(find(g, "Conv")->input(0)->producer->op().name == "Reorder");
  CHECK(find(g, "Flatten")->input(0)->producer->op().name == "Reorder");
  CHECK(count(g, "Reorder") == 3);  // input, Flatten, output
}

TEST_CASE("a channels-last input and a channels-last Flatten move nothing") {
  Graph g(ops::op_set());
  Value* x = g.add_input("x", {{Dim::rows(), 4, 4, 2}});
  Value* nchw = only(g.add_node("Transpose", {x}, {{"perm", std::vector<std::int64_t>{0, 3, 1, 2}}}));
  Value* w = g.add_parameter("w", {{3, 2, 3, 3}}, {2, 3, 1, 0});
  Value* conv = only(g.add_node("Conv", {nchw, w}));
  Value* nhwc = only(g.add_node("Transpose", {conv}, {{"perm", std::vector<std::int64_t>{0, 2, 3, 1}}}));
  g.add_output(only(g.add_node("Flatten", {nhwc})));
  cpu::assign_layout(g);
  CHECK(count(g, "Reorder") == 0);
}

TEST_CASE("an output whose batch is not on axis 0 is refused") {
  Graph g(ops::op_set());
  Value* x = g.add_input("x", {{Dim::rows(), 3}});
  g.add_output(only(g.add_node("Transpose", {x}, {{"perm", std::vector<std::int64_t>{1, 0}}})));
  CHECK_THROWS_AS(passes::add_output_copies(g, 1), UnsupportedError);
}

namespace {

/// BatchNormalization of h with parameters named after `name`.
Value* normalise(Graph& g, Value* h, const std::string& name) {
  const Shape c = {h->shape()[1]};
  const std::vector<Value*> inputs = {h, g.add_parameter(name + "scale", {c}), g.add_parameter(name + "shift", {c}),
                                      g.add_buffer(name + "mean", {c}), g.add_buffer(name + "var", {c})};
  return g.add_node("BatchNormalization", inputs, {{"training_mode", std::int64_t{1}}}).output();
}

/// Two residual blocks: BatchNormalization, Relu, BatchNormalization, plus the input, Relu. Others read the normalised if `shared`.
Graph residual_blocks(bool shared) {
  Graph g(ops::op_set());
  Value* h = only(g.add_node("Conv", {g.add_input("x", {{Dim::rows(), 3, 4, 4}}), g.add_parameter("w", {{3, 3, 1, 1}})}));
  for (const std::string name : {"a", "b"}) {
    Value* first = normalise(g, h, name + "1");
    Value* second = normalise(g, only(g.add_node("Relu", {first})), name + "2");
    h = only(g.add_node("Relu", {only(g.add_node("Add", {second, h}))}));
    if (shared) g.add_output(first);
    if (shared) g.add_output(second);
  }
  g.add_output(h);
  passes::add_backward(g, {});
  g.erase_dead_nodes();
  g.use_ops(cpu::op_set());
  cpu::fuse_normalization(g);
  ir::verify(g);
  return g;
}

}  // namespace

TEST_CASE("a normalisation takes the relu and the addition behind it along, and so does the gradient") {
  const Graph g = residual_blocks(false);
  CHECK(count(g, "BatchNormalizationRelu") == 2);
  CHECK(count(g, "BatchNormalizationAddRelu") == 2);
  CHECK(count(g, "BatchNormalization") == 0);
  CHECK(count(g, "Add") == 0);
  CHECK(count(g, "Relu") == 0);
  CHECK(count(g, "BatchNormalizationReluGrad", ir::Phase::backward) == 2);
  CHECK(count(g, "BatchNormalizationGrad", ir::Phase::backward) == 2);
  CHECK(count(g, "AddReluGrad", ir::Phase::backward) == 1);  // between the blocks
  CHECK(count(g, "ReluGrad", ir::Phase::backward) == 1);     // behind the last one
  const ir::Node& grad = *find(g, "BatchNormalizationReluGrad");
  CHECK(grad.input(3)->name == "b1shift");
  CHECK(grad.input(4)->producer->op().name == "BatchNormalizationRelu");
}

TEST_CASE("a normalisation that others read keeps its relu apart") {
  const Graph g = residual_blocks(true);
  CHECK(count(g, "BatchNormalization") == 4);
  CHECK(count(g, "Relu") == 2);
  CHECK(count(g, "AddRelu") == 2);
  CHECK(count(g, "BatchNormalizationReluGrad", ir::Phase::backward) == 0);
}
