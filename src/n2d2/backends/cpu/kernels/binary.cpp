// Add, Sub, Mul and Div with broadcasting.
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/strided_loop.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;
using Bodies = EltwiseBodies;

/// c = a op b for the rows of a lane, or for all of a value that is not batched.
class Loop {
 public:
  Loop(const ir::Node& node, Bodies::Binary body) : body_(body) {
    const ir::Value& out = *node.output();
    const auto order = ir::order_of(out);
    loop_ = StridedLoop<3>(out.shape(), order,
                           {ir::strides_of(out.shape(), order), broadcast_strides(*node.input(0), out.shape()),
                            broadcast_strides(*node.input(1), out.shape())});
  }
  void run(float* c, const float* a, const float* b, std::int64_t rows) const {
    loop_.run_series(rows, [&](const auto& offsets, std::int64_t count, const auto& steps) {
      const auto& inner = loop_.inner_steps();  // 1 in the output, whose order the loop follows
      body_({.a = a + offsets[1],
             .b = b + offsets[2],
             .c = c + offsets[0],
             .n = loop_.inner(),
             .a_step = inner[1],
             .b_step = inner[2],
             .runs = count,
             .a_run = steps[1],
             .b_run = steps[2],
             .c_run = steps[0]});
    });
  }

 private:
  Bodies::Binary body_;
  StridedLoop<3> loop_;
};

template <auto kBody>
void binary(Emitter& emit) {
  const ir::Node& node = emit.node();
  const auto a = emit.in(0), b = emit.in(1), c = emit.out();
  const Loop loop(node, simd().eltwise.*kBody);
  if (!node.output()->is_batched()) {
    return emit.single([=](const Lane& lane) { loop.run(c.all(lane), a.all(lane), b.all(lane), 1); }, {});
  }
  emit.rows([=, first = node.input(0)->is_batched(), second = node.input(1)->is_batched()](const Lane& lane) {
    loop.run(c.rows(lane), first ? a.rows(lane) : a.all(lane), second ? b.rows(lane) : b.all(lane), lane.rows);
  });
}

}  // namespace

Kernels binary_kernels() {
  return {{"Add", "add", nullptr, binary<&Bodies::add>},
          {"AddRelu", "add_relu", nullptr, binary<&Bodies::add_relu>},
          {"Sub", "sub", nullptr, binary<&Bodies::subtract>},
          {"Mul", "mul", nullptr, binary<&Bodies::multiply>},
          {"Div", "div", nullptr, binary<&Bodies::divide>}};
}

}  // namespace n2d2::cpu
