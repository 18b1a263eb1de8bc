// Concat, Slice and Pad: boxes copied from one tensor into another.
#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/strided_loop.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using plan::Operand;
using Offsets = std::vector<std::int64_t>;

/// A box of the given shape, at element offsets `to_start` and `from_start`.
struct BoxCopy {
  StridedLoop<2> loop;
  std::int64_t to_start = 0, from_start = 0;

  BoxCopy(const Shape& box, const ir::Value& to, const Offsets& to_corner, const ir::Value& from, const Offsets& from_corner)
      : loop(box, ir::order_of(to), {ir::strides_of(to.shape(), ir::order_of(to)), ir::strides_of(from.shape(), ir::order_of(from))}),
        to_start(start(to, to_corner)),
        from_start(start(from, from_corner)) {}

  static std::int64_t start(const ir::Value& value, const Offsets& corner) {
    const auto strides = ir::strides_of(value.shape(), ir::order_of(value));
    std::int64_t offset = 0;
    for (std::size_t axis = 0; axis < corner.size(); ++axis) offset += corner[axis] * strides[axis];
    return offset;
  }

  void run(float* to, const float* from, std::int64_t rows) const {
    const std::int64_t n = loop.inner();
    const auto [sy, sx] = loop.inner_steps();
    loop.run(rows, [&, sy = sy, sx = sx](const auto& offsets) {
      float* out = to + to_start + offsets[0];
      const float* in = from + from_start + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(float));
      } else {
        for (std::int64_t i = 0; i < n; ++i) out[i * sy] = in[i * sx];
      }
    });
  }
};

Offsets zeros(const ir::Value& value) { return Offsets(static_cast<std::size_t>(value.rank()), 0); }

/// The lane's rows of a batched value, the whole of any other.
float* mine(const Operand& operand, bool batched, const Lane& lane) { return batched ? operand.rows(lane) : operand.all(lane); }

void concat(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& out = *node.output();
  const auto axis = static_cast<std::size_t>(normalized_axis(node.integer("axis"), out.rank(), "axis"));
  struct Part {
    Operand operand;
    bool batched;
    BoxCopy copy;
  };
  std::vector<Part> parts;
  Offsets corner = zeros(out);
  for (std::size_t i = 0; i < node.inputs().size(); ++i) {
    const ir::Value& in = *node.input(i);
    parts.push_back({emit.in(i), in.is_batched(), BoxCopy(in.shape(), out, corner, in, zeros(in))});
    corner[axis] += in.type.shape[static_cast<int>(axis)].size;
  }
  const auto y = emit.out();
  if (!out.is_batched()) {
    return emit.single(
        [=](const Lane& lane) {
          for (const Part& part : parts) part.copy.run(y.all(lane), part.operand.all(lane), 1);
        },
        {});
  }
  emit.rows([=](const Lane& lane) {
    for (const Part& part : parts) part.copy.run(y.rows(lane), mine(part.operand, part.batched, lane), lane.rows);
  });
}

void copy_box(Emitter& emit, const BoxCopy& copy, bool fills, float value) {
  const auto x = emit.in(0), y = emit.out();
  const bool batched = emit.node().output()->is_batched();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const auto body = [=](const Lane& lane) {
    const std::int64_t rows = batched ? lane.rows : 1;
    float* out = mine(y, batched, lane);
    if (fills) std::fill(out, out + rows * count, value);
    copy.run(out, mine(x, batched, lane), rows);
  };
  batched ? emit.rows(body) : emit.single(body, {});
}

void slice(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& x = *node.input(0);
  const ir::Value& y = *node.output();
  Offsets corner = zeros(x);
  const auto& axes = node.integers("axes");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    corner[static_cast<std::size_t>(normalized_axis(axes[i], x.rank(), "axes"))] = node.integers("starts")[i];
  }
  copy_box(emit, BoxCopy(y.shape(), y, zeros(y), x, corner), false, 0.0F);
}

void pad(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& x = *node.input(0);
  const ir::Value& y = *node.output();
  const auto& pads = node.integers("pads");
  const Offsets corner(pads.begin(), pads.begin() + x.rank());
  copy_box(emit, BoxCopy(x.shape(), y, corner, x, zeros(x)), true, static_cast<float>(node.number("value")));
}

}  // namespace

Kernels concat_kernels() {
  return {{"Concat", "box_copy", nullptr, concat}, {"Slice", "box_copy", nullptr, slice}, {"Pad", "box_copy", nullptr, pad}};
}

}  // namespace n2d2::cpu
