// Slice, its gradient, Split, Expand and Tile: boxes copied out of a tensor, or repeated.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/copies/box_copy.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/shape.h"
#include "n2d2/ops/slice.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// The elements of `whole`, of shape `x`, that a Slice takes.
BoxSide sliced(const ir::Node& node, const ir::Value& whole) {
  Offsets corner = zeros(whole), steps(corner.size(), 1);
  for (const ops::Cut& cut : ops::cuts_of(node, whole.shape())) {
    corner[static_cast<std::size_t>(cut.axis)] = cut.start;
    steps[static_cast<std::size_t>(cut.axis)] = cut.step;
  }
  return {whole, corner, steps};
}

void slice(Emitter& emit) {
  const ir::Value &x = *emit.node().input(0), &y = *emit.node().output();
  const BoxCopy copy(y.shape(), ir::order_of(y), {y, zeros(y)}, sliced(emit.node(), x));
  by_element_size(emit, [&](auto element) { copy_box<decltype(element)>(emit, copy); });
}

void slice_grad(Emitter& emit) {
  const ir::Value &dy = *emit.node().input(0), &dx = *emit.node().output();
  copy_box<float>(emit, BoxCopy(dy.shape(), ir::order_of(dx), sliced(emit.node(), dx), {dy, zeros(dy)}), true);
}

template <class T>
void split_of(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& x = *node.input(0);
  const auto axis = static_cast<std::size_t>(normalized_axis(node.integer("axis"), x.rank(), "axis"));
  std::vector<std::pair<Operand, BoxCopy>> parts;
  Offsets corner = zeros(x);
  for (std::size_t i = 0; i < node.outputs().size(); ++i) {
    const ir::Value& y = *node.output(i);
    parts.emplace_back(emit.out(i), BoxCopy(y.shape(), ir::order_of(y), {y, zeros(y)}, {x, corner}));
    corner[axis] += y.shape()[static_cast<int>(axis)].size;
  }
  const auto from = emit.in(0);
  const bool batched = x.is_batched();
  const auto body = [=](const Lane& lane) {
    for (const auto& [y, copy] : parts)
      copy.template run<T>(mine<T>(y, batched, lane), mine<T>(from, batched, lane), batched ? lane.rows : 1);
  };
  batched ? emit.rows(body) : emit.single(body, {});
}

void split(Emitter& emit) {
  by_element_size(emit, [&](auto element) { split_of<decltype(element)>(emit); });
}

void expand(Emitter& emit) {
  const ir::Value &x = *emit.node().input(0), &y = *emit.node().output();
  BoxSide from;
  from.strides = broadcast_strides(x, y.shape());
  const BoxCopy copy(y.shape(), ir::order_of(y), {y, zeros(y)}, from);
  by_element_size(emit, [&](auto element) { copy_box<decltype(element)>(emit, copy); });
}

/// Every axis of y is repeats x extent: along the first of both x stands still.
void tile(Emitter& emit) {
  const ir::Value &x = *emit.node().input(0), &y = *emit.node().output();
  const BoxSide whole_x(x, zeros(x)), whole_y(y, zeros(y));
  std::vector<Dim> dims;
  BoxSide to, from;
  for (const int axis : ir::order_of(y)) {
    const auto i = static_cast<std::size_t>(axis);
    dims.emplace_back(emit.node().integers("repeats")[i]);
    dims.push_back(x.shape()[axis]);
    if (dims.back().per_row) std::swap(dims.back(), dims.end()[-2]);
    to.strides.insert(to.strides.end(), {whole_y.strides[i] * x.shape()[axis].size, whole_y.strides[i]});
    from.strides.insert(from.strides.end(), {0, whole_x.strides[i]});
    if (dims.end()[-2].per_row) {
      std::swap(to.strides.back(), to.strides.end()[-2]);
      std::swap(from.strides.back(), from.strides.end()[-2]);
    }
  }
  std::vector<int> order(dims.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  const BoxCopy copy(Shape(std::move(dims)), order, to, from);
  by_element_size(emit, [&](auto element) { copy_box<decltype(element)>(emit, copy); });
}

}  // namespace

Kernels slice_kernels() {
  return {{"Slice", "box_copy", nullptr, slice},
          {"SliceGrad", "box_copy", nullptr, slice_grad},
          {"Split", "box_copy", nullptr, split},
          {"Expand", "box_copy", nullptr, expand},
          {"Tile", "box_copy", nullptr, tile}};
}

}  // namespace n2d2::cpu
