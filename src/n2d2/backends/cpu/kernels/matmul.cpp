// MatMul of stacks of matrices: a product of its own for every place of the leading axes. What has one matrix on the right for all
// rows of the batch is done as a single product by gemm.cpp.
#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;

constexpr std::int64_t kRowsForDot = 8;  // up to here reading B once beats packing it

Shape leading(const Shape& shape) { return Shape(std::vector<Dim>(shape.begin(), shape.end() - 2)); }

/// Strides along the leading axes of the result, 0 where the operand repeats.
std::vector<std::int64_t> leading_strides(const ir::Value& value, const Shape& shape) {
  const Shape lead = leading(value.shape());
  const auto own = ir::strides_of(value.shape(), ir::order_of(value));
  std::vector<std::int64_t> strides(static_cast<std::size_t>(shape.rank()), 0);
  for (int axis = 0; axis < lead.rank(); ++axis) {
    const bool repeats = !lead[axis].per_row && lead[axis].size == 1;
    if (!repeats) strides[static_cast<std::size_t>(axis + shape.rank() - lead.rank())] = own[static_cast<std::size_t>(axis)];
  }
  return strides;
}

/// The innermost loop of `places` runs over matrices; `task` is one product, its pointers not set.
struct Stack {
  StridedLoop<3> places;
  GemmTask task;
  bool dot = false;

  explicit Stack(const ir::Node& node) {
    const ir::Value &a = *node.input(0), &b = *node.input(1), &y = *node.output();
    const Shape shape = leading(y.shape());
    std::vector<int> order;
    for (const int axis : ir::order_of(y)) {
      if (axis < shape.rank()) order.push_back(axis);
    }
    places = StridedLoop<3>(shape, order, {leading_strides(y, shape), leading_strides(a, shape), leading_strides(b, shape)});
    const auto strides = [](const ir::Value& value) {
      const auto all = ir::strides_of(value.shape(), ir::order_of(value));
      return std::pair(all.end()[-2], all.end()[-1]);
    };
    std::tie(task.a_m, task.a_k) = strides(a);
    std::tie(task.b_k, task.b_n) = strides(b);
    task.y_m = strides(y).first;
    task.m = y.shape()[y.rank() - 2].size;
    task.n = y.shape()[y.rank() - 1].size;
    task.k = a.shape()[a.rank() - 1].size;
    dot = task.m <= kRowsForDot && task.a_k == 1 && task.b_k == 1 && task.b_n != 1 && task.k >= 4 * simd().gemm.lanes;
  }

  void run(float* y, const float* a, const float* b, float* scratch, std::int64_t rows) const {
    const auto body = dot ? simd().gemm.dot : simd().gemm.run;
    const auto& step = places.inner_steps();
    places.run(rows, [&](const auto& offsets) {
      GemmTask one = task;
      one.scratch = scratch;
      for (std::int64_t i = 0; i < places.inner(); ++i) {
        one.y = y + offsets[0] + i * step[0];
        one.a = a + offsets[1] + i * step[1];
        one.b = b + offsets[2] + i * step[2];
        body(one);
      }
    });
  }
};

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Stack stack(node);
  const auto a = emit.in(0), b = emit.in(1), y = emit.out();
  const auto scratch = emit.scratch(simd().gemm.scratch_floats(stack.task.m, stack.task.k) * 4);
  const std::vector<plan::Use> extra = {plan::writes(scratch, Access::own)};
  if (!node.output()->is_batched()) {
    return emit.single([=](const Lane& lane) { stack.run(y.all(lane), a.all(lane), b.all(lane), scratch.own(lane), 1); }, extra);
  }
  emit.rows(
      [=, first = node.input(0)->is_batched(), second = node.input(1)->is_batched()](const Lane& lane) {
        stack.run(y.rows(lane), first ? a.rows(lane) : a.all(lane), second ? b.rows(lane) : b.all(lane), scratch.own(lane), lane.rows);
      },
      extra);
}

}  // namespace

Kernels matmul_kernels() { return {{"MatMul", "matmul:stack", nullptr, prepare}}; }

}  // namespace n2d2::cpu
