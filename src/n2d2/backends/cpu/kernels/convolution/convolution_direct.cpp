// Conv, ConvRelu and ConvGradInput by our own kernels: directly, or for 3x3 taps by Winograd's algorithm.
#include "n2d2/backends/cpu/kernels/convolution/direct_convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

void emit_images(Emitter& emit, const DirectConvolution& made, Operand bias, bool relu, const Convolution& conv) {
  const auto direct = std::make_shared<DirectConvolution>(made);
  const Operand x = emit.in(0), y = emit.out(), weights = direct->pack(emit, 1);
  std::vector<plan::Use> extra;
  Operand scratch;
  if (direct->scratch_bytes() > 0) {
    scratch = emit.scratch(direct->scratch_bytes());
    extra.push_back(plan::writes(scratch, Access::own));
  }
  const std::int64_t multiple = conv.rows_per_row;
  if (shares_rows(emit, conv, direct->pieces())) {
    return emit.shared_rows(
        [=](const Lane& lane) {
          direct->run_share(lane, x.all(lane), weights.all(lane), bias ? bias.all(lane) : nullptr, relu, lane.total_rows * multiple,
                            y.all(lane), scratch ? scratch.own<void>(lane) : nullptr);
        },
        std::move(extra));
  }
  emit.rows(
      [=](const Lane& lane) {
        direct->run(x.rows(lane), weights.all(lane), bias ? bias.all(lane) : nullptr, relu, lane.rows * multiple, y.rows(lane),
                    scratch ? scratch.own<void>(lane) : nullptr);
      },
      std::move(extra));
}

void prepare_forward(Emitter& emit, bool relu) {
  const ir::Node& node = emit.node();
  const Convolution conv = convolution_of(node, node.input_shape(0), node.input_shape(1), node.output_shape());
  const auto direct = DirectConvolution::forward(conv, *node.input(1), conv.output[0], conv.output[1]);
  emit_images(emit, direct, emit.in(2), relu, conv);
}

void conv(Emitter& emit) { prepare_forward(emit, false); }
void conv_relu(Emitter& emit) { prepare_forward(emit, true); }

void conv_grad_input(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Convolution conv = convolution_of(node, node.output_shape(), node.input_shape(1), node.input_shape(0));
  const bool is_gradient = node.phase() == ir::Phase::backward;  // else it is a transposed convolution
  emit_images(emit, DirectConvolution::input_gradient(conv, *node.input(1), is_gradient), {}, false, conv);
}

}  // namespace

Kernels direct_convolution_kernels() {
  return {{"Conv", "conv:direct", refuses_direct, conv},
          {"ConvRelu", "conv_relu:direct", nullptr, conv_relu},
          {"ConvGradInput", "conv_grad_input:direct", refuses_direct, conv_grad_input}};
}

}  // namespace n2d2::cpu
