// Functions of one variable and their gradients: vectors over contiguous rows. The rows of simd/unary.cpp are the kernels.
#include <array>

#include "n2d2/backends/cpu/kernels/bodies.h"
#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using Numbers = std::array<float, UnaryBody::kNumbers>;

const UnaryBody& body_of(const ir::Node& node) {
  std::string_view op = node.op().name;
  if (op.ends_with("Grad")) op.remove_suffix(4);
  return cpu::body_of(simd().unary, op, variant_of(node));
}

Numbers numbers_of(const ir::Node& node, const UnaryBody& body) {
  Numbers numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (body.names[i] != nullptr) numbers[i] = static_cast<float>(node.number(body.names[i]));
  }
  return numbers;
}

void value(Emitter& emit) {
  const auto x = emit.in(0), y = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const UnaryBody& body = body_of(emit.node());
  const auto run = [function = body.value, numbers = numbers_of(emit.node(), body)](const float* from, float* to, std::int64_t n) {
    function(from, to, n, numbers.data());
  };
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { run(x.all(lane), y.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { run(x.rows(lane), y.rows(lane), lane.rows * count); });
}

void gradient(Emitter& emit) {
  const auto dy = emit.in(0), saved = emit.in(1), dx = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const UnaryBody& body = body_of(emit.node());
  const auto run = [function = body.gradient, numbers = numbers_of(emit.node(), body)](
                       const float* from, const float* point, float* to, std::int64_t n) { function(from, point, to, n, numbers.data()); };
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { run(dy.all(lane), saved.all(lane), dx.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { run(dy.rows(lane), saved.rows(lane), dx.rows(lane), lane.rows * count); });
}

void add_relu_grad(Emitter& emit) {
  const auto a = emit.in(0), b = emit.in(1), y = emit.in(2), dx = emit.out();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const auto body = simd().add_relu_grad;
  if (!emit.node().output()->is_batched()) {
    return emit.single([=](const Lane& lane) { body(a.all(lane), b.all(lane), y.all(lane), dx.all(lane), count); }, {});
  }
  emit.rows([=](const Lane& lane) { body(a.rows(lane), b.rows(lane), y.rows(lane), dx.rows(lane), lane.rows * count); });
}

}  // namespace

Kernels eltwise_kernels() {
  Kernels kernels = {{"AddReluGrad", "add_relu_grad", nullptr, add_relu_grad}};
  for (const UnaryBody& body : simd().unary) {
    if (*body.variant != '\0') continue;  // the same kernel finds it
    const std::string op = body.op;
    kernels.push_back({op, "unary", nullptr, value});
    kernels.push_back({op + "Grad", "unary", nullptr, gradient});
  }
  return kernels;
}

}  // namespace n2d2::cpu
