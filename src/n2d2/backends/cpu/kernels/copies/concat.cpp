// Concat and Pad: boxes copied into a larger tensor.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/copies/box_copy.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/shape.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using plan::Operand;

template <class T>
void concat_of(Emitter& emit) {
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
    parts.push_back({emit.in(i), in.is_batched(), BoxCopy(in.shape(), ir::order_of(out), {out, corner}, {in, zeros(in)})});
    corner[axis] += in.type.shape[static_cast<int>(axis)].size;
  }
  const auto y = emit.out();
  if (!out.is_batched()) {
    return emit.single(
        [=](const Lane& lane) {
          for (const Part& part : parts) part.copy.template run<T>(y.template all<T>(lane), part.operand.template all<T>(lane), 1);
        },
        {});
  }
  emit.rows([=](const Lane& lane) {
    for (const Part& part : parts)
      part.copy.template run<T>(y.template rows<T>(lane), mine<T>(part.operand, part.batched, lane), lane.rows);
  });
}

void concat(Emitter& emit) {
  by_element_size(emit, [&](auto element) { concat_of<decltype(element)>(emit); });
}

void pad(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& x = *node.input(0);
  const ir::Value& y = *node.output();
  const auto& pads = node.integers("pads");
  const Offsets corner(pads.begin(), pads.begin() + x.rank());
  copy_box<float>(emit, BoxCopy(x.shape(), ir::order_of(y), {y, corner}, {x, zeros(x)}), true, static_cast<float>(node.number("value")));
}

}  // namespace

Kernels concat_kernels() { return {{"Concat", "box_copy", nullptr, concat}, {"Pad", "box_copy", nullptr, pad}}; }

}  // namespace n2d2::cpu
