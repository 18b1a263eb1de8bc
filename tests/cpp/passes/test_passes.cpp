#include <doctest/doctest.h>

#include "graphs.h"
#include "n2d2/backends/cpu/op_set.h"
#include "n2d2/backends/cpu/passes/fuse_normalization.h"
#include "n2d2/backends/cpu/passes/layout.h"
#include "n2d2/backends/cpu/passes/recompute_normalization.h"
#include "n2d2/core/error.h"
#include "n2d2/passes/autodiff.h"
#include "n2d2/passes/lane_sums.h"
#include "n2d2/passes/output_copies.h"
#include "n2d2/passes/pool_before_relu.h"
#include "n2d2/passes/recompute_dropout.h"
#include "n2d2/passes/required_region.h"

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

/// Conv 3x3 - MaxPool 2 - Relu - Conv 3x3 - MaxPool 2 on 28 x 28: the second pool never reads the last row of 11.
Graph two_pools() {
  Graph g(ops::op_set());
  Value* x = g.add_input("x", {{Dim::rows(), 1, 28, 28}});
  const ir::Attributes pool = {{"kernel_shape", std::vector<std::int64_t>{2, 2}}, {"strides", std::vector<std::int64_t>{2, 2}}};
  Value* h = only(g.add_node("Conv", {x, g.add_parameter("w1", {{4, 1, 3, 3}})}));
  h = only(g.add_node("Relu", {g.add_node("MaxPool", {h}, pool).output(0)}));
  h = only(g.add_node("Conv", {h, g.add_parameter("w2", {{8, 4, 3, 3}})}));
  g.add_output(g.add_node("MaxPool", {h}, pool).output(0));
  return g;
}

std::vector<std::string> shapes_of(const Graph& g) {
  std::vector<std::string> shapes;
  for (const auto& node : g.nodes()) shapes.push_back(node->output_shape().text());
  return shapes;
}

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

/// Two convolutions, each with BatchNormalization and Relu, and a dense layer.
Graph normalised_convolutions() {
  Graph g(ops::op_set());
  Value* h = g.add_input("x", {{Dim::rows(), 3, 4, 4}});
  for (const std::string name : {"a", "b"}) {
    h = normalise(g, only(g.add_node("Conv", {h, g.add_parameter("w" + name, {{3, 3, 1, 1}})})), name);
    h = only(g.add_node("Relu", {h}));
  }
  g.add_output(only(g.add_node("Gemm", {only(g.add_node("Flatten", {h})), g.add_parameter("dense", {{48, 2}})})));
  passes::add_backward(g, {});
  g.erase_dead_nodes();
  g.use_ops(cpu::op_set());
  cpu::fuse_normalization(g);
  return g;
}

}  // namespace

TEST_CASE("rows and columns that no window reads are not computed") {
  Graph g = two_pools();
  CHECK(shapes_of(g) == std::vector<std::string>{"[N,4,26,26]", "[N,4,13,13]", "[N,4,13,13]", "[N,8,11,11]", "[N,8,5,5]"});
  passes::shrink_to_required_region(g);
  ir::verify(g);
  CHECK(shapes_of(g) == std::vector<std::string>{"[N,4,24,24]", "[N,4,12,12]", "[N,4,12,12]", "[N,8,10,10]", "[N,8,5,5]"});

  Graph read_twice = two_pools();
  read_twice.add_output(read_twice.nodes()[3]->output());  // somebody wants all of the second convolution
  passes::shrink_to_required_region(read_twice);
  CHECK(shapes_of(read_twice)[3] == "[N,8,11,11]");
  CHECK(shapes_of(read_twice)[0] == "[N,4,26,26]");
}

TEST_CASE("the backward half computes again what dropout left, when it keeps what it was made of") {
  Graph g(ops::op_set());
  Value* h = only(g.add_node("Relu", {g.add_input("x", {{Dim::rows(), 2, 3, 3}})}));
  h = only(g.add_node("Mul", {h, g.add_parameter("s", {{1}})}));
  Value* relu = only(g.add_node("Relu", {h}));
  Value* dropped = g.add_node("Dropout", {only(g.add_node("Flatten", {relu}))}, {{"training_mode", std::int64_t{1}}}).output(0);
  g.add_output(only(g.add_node("Gemm", {dropped, g.add_parameter("w", {{18, 4}})})));
  passes::add_backward(g, {});
  passes::recompute_dropout(g);
  ir::verify(g);
  for (const ir::Node* reader : g.consumers(dropped)) CHECK(reader->phase() == ir::Phase::forward);
  CHECK(count(g, "DropoutGrad", ir::Phase::backward) == 2);  // the gradient's own, and the copy
  CHECK(count(g, "Flatten", ir::Phase::backward) == 1);

  Graph kept(ops::op_set());  // nothing else keeps the input: nothing is gained
  Value* x = only(kept.add_node("Mul", {kept.add_input("x", {{Dim::rows(), 4}}), kept.add_scalar(2)}));
  Value* y = kept.add_node("Dropout", {x}, {{"training_mode", std::int64_t{1}}}).output(0);
  kept.add_output(only(kept.add_node("Gemm", {y, kept.add_parameter("w", {{4, 4}})})));
  passes::add_backward(kept, {});
  passes::recompute_dropout(kept);
  CHECK(count(kept, "DropoutGrad", ir::Phase::backward) == 0);
}

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

TEST_CASE("the backward half computes again what a normalisation gave to a convolution, not to others") {
  Graph g = normalised_convolutions();
  const Value* first = find(g, "BatchNormalizationRelu")->output();
  cpu::recompute_normalization(g);
  ir::verify(g);
  REQUIRE(count(g, "BatchNormalizationAgain", ir::Phase::backward) == 1);
  const ir::Node& again = *find(g, "BatchNormalizationAgain");
  CHECK(again.input(0)->name == first->producer->input(0)->name);
  CHECK(again.integer("relu") == 1);
  REQUIRE(g.consumers(again.output()).size() == 1);
  CHECK(g.consumers(again.output())[0]->op().name == "ConvGradWeight");
  for (const ir::Node* reader : g.consumers(first)) CHECK(reader->phase() == ir::Phase::forward);
}

TEST_CASE("a normalisation that others read keeps its relu apart") {
  const Graph g = residual_blocks(true);
  CHECK(count(g, "BatchNormalization") == 4);
  CHECK(count(g, "Relu") == 2);
  CHECK(count(g, "AddRelu") == 2);
  CHECK(count(g, "BatchNormalizationReluGrad", ir::Phase::backward) == 0);
}
