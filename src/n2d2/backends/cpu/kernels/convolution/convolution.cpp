// Conv and ConvGradInput on oneDNN: activations channels-last, weights copied once per step into the format oneDNN likes best.
#include "n2d2/backends/cpu/kernels/convolution/convolution.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/core/error.h"
#include "n2d2/ir/memory_order.h"
#include "n2d2/ops/windows.h"

namespace n2d2::cpu {
namespace {

using onednn::Desc;
using onednn::Dims;
using onednn::PrimitiveDesc;
using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// The first `read` places along each axis of an image.
Desc channels_last(const Convolution& conv, std::int64_t rows, std::int64_t channels, const std::int64_t (&places)[3],
                   const std::int64_t (&read)[3]) {
  Dims dims = {rows, channels}, strides(static_cast<std::size_t>(conv.axes) + 2, 1);
  dims.insert(dims.end(), read, read + conv.axes);
  std::int64_t stride = channels;
  for (int axis = conv.axes - 1; axis >= 0; --axis) {
    strides[static_cast<std::size_t>(axis) + 2] = stride;
    stride *= places[axis];
  }
  strides[0] = stride;
  return onednn::strided(dims, strides);
}

PrimitiveDesc owned(dnnl_primitive_desc_t desc) { return {desc, dnnl_primitive_desc_destroy}; }

/// Runs `make` and names the node in whatever it throws.
template <class Make>
auto naming(const ir::Node& node, Make make) {
  try {
    return make();
  } catch (const BackendError& error) {
    throw BackendError(
        fmt::format("{}: {} (input {}, output {})", node.label(), error.what(), node.input_shape(0).text(), node.output_shape().text()));
  }
}

std::string refuses_conv(const ir::Node& node) {
  const std::string reason = refuses_order(*node.input(0));
  return reason.empty() ? refuses_order(*node.output()) : reason;
}

/// The part that Conv and ConvGradInput share: `from` and `to` are DNNL_ARG_..., by rows, next to weights and perhaps a bias.
struct RowsKernel {
  std::shared_ptr<onednn::RowPrimitives> primitives;
  Operand from, weight, bias, to, scratch;
  std::int64_t rows_per_row;
  std::int64_t clears = 0;  ///< floats of a row of `to`, when not all of them are written

  void operator()(const Lane& lane) const {
    if (clears > 0) std::fill_n(to.rows(lane), lane.rows * rows_per_row * clears, 0.0F);
    float* addresses[4] = {from.rows(lane), weight.all(lane), to.rows(lane), bias ? bias.all(lane) : nullptr};
    void* bytes = scratch ? scratch.own<void>(lane) : nullptr;
    for (std::int64_t rows = lane.rows * rows_per_row; rows > 0;) rows -= primitives->run_some(lane.index, rows, addresses, bytes);
  }
};

void emit_rows(Emitter& emit, RowsKernel kernel) {
  std::vector<plan::Use> extra;
  if (kernel.primitives->scratch_bytes() > 0) {
    kernel.scratch = emit.scratch(kernel.primitives->scratch_bytes());
    extra.push_back(plan::writes(kernel.scratch, Access::own));
  }
  emit.rows(kernel, std::move(extra));
}

void prepare_conv(Emitter& emit) {
  const ir::Node& node = emit.node();
  naming(node, [&] {
    Convolution conv = convolution_of(node, node.input_shape(0), node.input_shape(1), node.output_shape());
    conv.has_bias = node.input(2) != nullptr;
    const std::int64_t rows = emit.lane_capacity() * conv.rows_per_row;
    const auto largest = conv.forward(onednn::RowPrimitives::largest_chunk(rows), onednn::any_format(conv.weight_dims()));
    const PackedWeight weight = pack_weight(emit, 1, conv.desc_weight(*node.input(1)), onednn::chosen(largest, DNNL_ARG_WEIGHTS));
    std::vector<onednn::RowPrimitives::Argument> arguments = {
        {DNNL_ARG_SRC, conv.floats_in()}, {DNNL_ARG_WEIGHTS, 0}, {DNNL_ARG_DST, conv.floats_out()}};
    if (conv.has_bias) arguments.push_back({DNNL_ARG_BIAS, 0});
    const auto primitives = std::make_shared<onednn::RowPrimitives>(rows, emit.lanes(), arguments,
                                                                    [&](std::int64_t chunk) { return conv.forward(chunk, weight.desc); });
    emit_rows(emit, {primitives, emit.in(0), weight.operand, emit.in(2), emit.out(), {}, conv.rows_per_row});
  });
}

void prepare_conv_grad_input(Emitter& emit) {
  const ir::Node& node = emit.node();
  naming(node, [&] {
    const Convolution conv = convolution_of(node, node.output_shape(), node.input_shape(1), node.input_shape(0));
    const std::int64_t rows = emit.lane_capacity() * conv.rows_per_row;
    const auto largest = conv.backward_input(onednn::RowPrimitives::largest_chunk(rows), onednn::any_format(conv.weight_dims()));
    const PackedWeight weight = pack_weight(emit, 1, conv.desc_weight(*node.input(1)), onednn::chosen(largest, DNNL_ARG_WEIGHTS));
    const std::vector<onednn::RowPrimitives::Argument> arguments = {
        {DNNL_ARG_DIFF_DST, conv.floats_out()}, {DNNL_ARG_WEIGHTS, 0}, {DNNL_ARG_DIFF_SRC, conv.floats_in()}};
    const auto primitives = std::make_shared<onednn::RowPrimitives>(
        rows, emit.lanes(), arguments, [&](std::int64_t chunk) { return conv.backward_input(chunk, weight.desc); });
    const bool writes_all = std::equal(conv.read, conv.read + conv.axes, conv.input);
    emit_rows(emit, {primitives, emit.in(0), weight.operand, {}, emit.out(), {}, conv.rows_per_row, writes_all ? 0 : conv.floats_in()});
  });
}

}  // namespace

bool shares_rows(const plan::Emitter& emit, const Convolution& conv, std::int64_t pieces) {
  constexpr std::int64_t kMacs = 500'000;
  const std::int64_t macs = conv.rows_per_row * conv.floats_out() * conv.channels[0] / conv.group * conv.places(conv.kernel);
  return emit.has_few_rows() && pieces >= emit.lanes() && macs >= kMacs;
}

Desc Convolution::desc_in(std::int64_t rows) const { return channels_last(*this, rows, channels[0], input, read); }
Desc Convolution::desc_out(std::int64_t rows) const { return channels_last(*this, rows, channels[1], output, output); }
Desc Convolution::desc_bias() const { return onednn::strided({channels[1]}, {1}); }

Dims Convolution::weight_dims() const {
  Dims dims = {channels[1] / group, channels[0] / group};
  if (group > 1) dims.insert(dims.begin(), group);
  dims.insert(dims.end(), kernel, kernel + axes);
  return dims;
}

Desc Convolution::desc_weight(const ir::Value& value) const {
  const auto strides = ir::strides_of(value.shape(), ir::order_of(value));
  Dims distances(strides.begin(), strides.end());
  if (group > 1) distances.insert(distances.begin(), strides[0] * (channels[1] / group));
  return onednn::strided(weight_dims(), distances);
}

PrimitiveDesc Convolution::forward(std::int64_t rows, const Desc& weight) const {
  const Desc bias = has_bias ? desc_bias() : nullptr;
  dnnl_primitive_desc_t desc = nullptr;
  onednn::check(dnnl_convolution_forward_primitive_desc_create(&desc, onednn::engine(), dnnl_forward_training, dnnl_convolution_direct,
                                                               desc_in(rows).get(), weight.get(), bias.get(), desc_out(rows).get(), strides,
                                                               dilations, pads_begin, pads_end, onednn::user_scratchpad()),
                "convolution");
  return owned(desc);
}

PrimitiveDesc Convolution::backward_input(std::int64_t rows, const Desc& weight) const {
  const PrimitiveDesc hint = forward(rows, onednn::any_format(weight_dims()));
  dnnl_primitive_desc_t desc = nullptr;
  onednn::check(dnnl_convolution_backward_data_primitive_desc_create(&desc, onednn::engine(), dnnl_convolution_direct, desc_in(rows).get(),
                                                                     weight.get(), desc_out(rows).get(), strides, dilations, pads_begin,
                                                                     pads_end, hint.get(), onednn::user_scratchpad()),
                "convolution, gradient of the input");
  return owned(desc);
}

PrimitiveDesc Convolution::backward_weight(std::int64_t rows, const Desc& weight) const {
  const PrimitiveDesc hint = forward(rows, onednn::any_format(weight_dims()));
  dnnl_primitive_desc_t desc = nullptr;
  onednn::check(dnnl_convolution_backward_weights_primitive_desc_create(
                    &desc, onednn::engine(), dnnl_convolution_direct, desc_in(rows).get(), weight.get(), nullptr, desc_out(rows).get(),
                    strides, dilations, pads_begin, pads_end, hint.get(), onednn::user_scratchpad()),
                "convolution, gradient of the weight");
  return owned(desc);
}

Convolution convolution_of(const ir::Node& node, const Shape& x, const Shape& w, const Shape& y) {
  Convolution conv;
  conv.group = node.integer("group");
  conv.channels[0] = x[1].size;
  conv.channels[1] = y[1].size;
  conv.rows_per_row = x[0].size;
  conv.axes = x.rank() - 2;
  const auto windows = ops::windows_of(node, ops::spatial_of(w));
  for (int i = 0; i < conv.axes; ++i) {
    const ops::Window& window = windows[static_cast<std::size_t>(i)];
    conv.input[i] = x[2 + i].size;
    conv.output[i] = y[2 + i].size;
    conv.kernel[i] = window.kernel;
    conv.strides[i] = window.stride;
    conv.dilations[i] = window.dilation - 1;  // oneDNN counts the holes
    conv.pads_begin[i] = window.pad_begin;
    const std::int64_t reach = (conv.output[i] - 1) * window.stride - window.pad_begin + window.reach();
    conv.read[i] = std::min(conv.input[i], reach);
    conv.pads_end[i] = std::max<std::int64_t>(reach - conv.input[i], 0);
  }
  return conv;
}

PackedWeight pack_weight(Emitter& emit, std::size_t input, const Desc& own, const Desc& chosen) {
  const Operand weight = emit.in(input);
  if (onednn::same(own, chosen)) return {weight, own};
  const auto reordering = std::make_shared<onednn::Reordering>(own, chosen, emit.lanes());
  const std::int64_t bytes = (onednn::bytes_of(chosen) + 63) / 64 * 64;
  const Operand packed = emit.packed(bytes + reordering->scratch_bytes());
  emit.pack(weight, packed,
            [=](const Lane& lane) { reordering->run(lane.index, weight.all(lane), packed.all(lane), packed.all<char>(lane) + bytes); });
  return {packed, chosen};
}

void write_taps(const float* const (&taps)[9], const Convolution& conv, std::int64_t row, const std::int64_t (&strides)[4], float* to) {
  constexpr std::int64_t kOutputs = 16;  // a cache line of the sums at a time
  for (std::int64_t first = 0; first < conv.channels[1]; first += kOutputs) {
    const std::int64_t count = std::min(kOutputs, conv.channels[1] - first);
    for (std::int64_t c = 0; c < conv.channels[0]; ++c) {
      for (std::int64_t tap = 0; tap < 9; ++tap) {
        const float* from = taps[tap] + c * row + first;
        float* weight = to + first * strides[0] + c * strides[1] + tap / 3 * strides[2] + tap % 3 * strides[3];
        for (std::int64_t o = 0; o < count; ++o) weight[o * strides[0]] = from[o];
      }
    }
  }
}

std::string refuses_order(const ir::Value& value) {
  if (!value.is_batched()) return "activations must have a batch axis";
  std::vector<int> channels_last(static_cast<std::size_t>(value.rank()));
  std::iota(channels_last.begin(), channels_last.end(), 0);
  std::rotate(channels_last.begin() + 1, channels_last.begin() + 2, channels_last.end());
  return ir::same_memory(value, ir::order_of(value), channels_last) ? "" : "activations must be channels-last";
}

std::string refuses_unless_channels_last(const ir::Value& value) {
  return value.rank() == 4 ? refuses_order(value) : "activations have three dimensions";
}

std::vector<plan::KernelEntry> convolution_kernels() {
  auto entries = convolution_grad_kernels();
  entries.push_back({"Conv", "conv:onednn", refuses_conv, prepare_conv});
  entries.push_back({"ConvGradInput", "conv_grad_input:onednn", refuses_conv, prepare_conv_grad_input});
  return entries;
}

}  // namespace n2d2::cpu
