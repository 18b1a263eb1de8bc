// Add, Sub, Mul and Div with broadcasting.
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/strided_loop.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

template <class Operation>
void binary(Emitter& emit) {
  const ir::Node& node = emit.node();
  const auto a = emit.in(0), b = emit.in(1), c = emit.out();
  const ir::Value& out = *node.output();
  const StridedLoop<3> loop(out.shape(), ir::order_of(out),
                            {ir::strides_of(out.shape(), ir::order_of(out)), broadcast_strides(*node.input(0), out.shape()),
                             broadcast_strides(*node.input(1), out.shape())});
  const bool batched[2] = {node.input(0)->is_batched(), node.input(1)->is_batched()};
  const auto body = [=](float* y, const float* u, const float* v, std::int64_t rows) {
    const std::int64_t n = loop.inner();
    const auto [sy, su, sv] = loop.inner_steps();
    loop.run(rows, [&, sy = sy, su = su, sv = sv](const auto& offsets) {
      float* __restrict to = y + offsets[0];
      const float* left = u + offsets[1];
      const float* right = v + offsets[2];
      if (sy == 1 && su == 1 && sv == 1) {
        for (std::int64_t i = 0; i < n; ++i) to[i] = Operation()(left[i], right[i]);
      } else if (sy == 1 && su == 1 && sv == 0) {
        for (std::int64_t i = 0; i < n; ++i) to[i] = Operation()(left[i], *right);
      } else {
        for (std::int64_t i = 0; i < n; ++i) to[i * sy] = Operation()(left[i * su], right[i * sv]);
      }
    });
  };
  if (!out.is_batched()) {
    return emit.single([=](const Lane& lane) { body(c.all(lane), a.all(lane), b.all(lane), 1); }, {});
  }
  emit.rows([=, first = batched[0], second = batched[1]](const Lane& lane) {
    body(c.rows(lane), first ? a.rows(lane) : a.all(lane), second ? b.rows(lane) : b.all(lane), lane.rows);
  });
}

struct Plus {
  float operator()(float a, float b) const { return a + b; }
};
struct Minus {
  float operator()(float a, float b) const { return a - b; }
};
struct Times {
  float operator()(float a, float b) const { return a * b; }
};
struct Over {
  float operator()(float a, float b) const { return a / b; }
};

}  // namespace

Kernels binary_kernels() {
  return {{"Add", "add", nullptr, binary<Plus>},
          {"Sub", "sub", nullptr, binary<Minus>},
          {"Mul", "mul", nullptr, binary<Times>},
          {"Div", "div", nullptr, binary<Over>}};
}

}  // namespace n2d2::cpu
