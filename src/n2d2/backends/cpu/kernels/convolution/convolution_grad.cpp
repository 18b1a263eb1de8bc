// ConvGradWeight on oneDNN: sums over the rows of a lane, chunk after chunk, then writes the order of the parameter. The bias has a
// loop of its own: oneDNN's is slow on channels-last gradients.
#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/scratch.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/error.h"

namespace n2d2::cpu {
namespace {

using onednn::Desc;
using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

/// Parts of the scratch of a lane, in bytes from its start. A part of no bytes is not used.
struct Parts {
  std::int64_t primitive = 0;     ///< of oneDNN; starts the scratch
  std::int64_t weight_sum = 0;    ///< in oneDNN's format
  std::int64_t weight_chunk = 0;  ///< of one chunk, in oneDNN's format
  std::int64_t bytes = 0;
};

struct GradKernel {
  std::shared_ptr<onednn::RowPrimitives> primitives;
  std::shared_ptr<onednn::Reordering> reordering;  ///< null: oneDNN writes the order of the parameter
  Operand x, dy, dw, db, scratch;
  std::int64_t rows_per_row = 1;
  std::int64_t weight_bytes = 0, format_bytes = 0, channels = 0, places = 0;
  Parts parts;

  void operator()(const Lane& lane) const {
    std::int64_t rows = lane.rows * rows_per_row;
    char* bytes = scratch.own<char>(lane);
    const auto part = [bytes](std::int64_t offset) { return reinterpret_cast<float*>(bytes + offset); };
    float* weight = reordering ? part(parts.weight_sum) : dw.own(lane);
    if (db) sum_bias(dy.rows(lane), rows, db.own(lane));
    if (rows == 0) return void(std::memset(dw.own(lane), 0, static_cast<std::size_t>(weight_bytes)));
    float* addresses[3] = {x.rows(lane), dy.rows(lane), weight};
    rows -= primitives->run_some(lane.index, rows, addresses, bytes);
    addresses[2] = part(parts.weight_chunk);
    while (rows > 0) {
      rows -= primitives->run_some(lane.index, rows, addresses, bytes);
      simd().accumulate(addresses[2], weight, format_bytes / 4);
    }
    if (reordering) reordering->run(lane.index, weight, dw.own(lane), bytes);
  }
  void sum_bias(const float* gradients, std::int64_t rows, float* bias) const {
    std::fill(bias, bias + channels, 0.0F);
    for (std::int64_t row = 0; row < rows; ++row) simd().sum_rows(gradients + row * places * channels, places, channels, bias);
  }
};

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Convolution conv = convolution_of(node, node.input_shape(1), node.output_shape(0), node.input_shape(0));
  const std::int64_t rows = emit.lane_capacity() * conv.rows_per_row;
  const auto largest = conv.backward_weight(onednn::RowPrimitives::largest_chunk(rows), onednn::any_format(conv.weight_dims()));
  const Desc own = conv.desc_weight(*node.output(0)), format = onednn::chosen(largest, DNNL_ARG_DIFF_WEIGHTS);

  const std::vector<onednn::RowPrimitives::Argument> arguments = {
      {DNNL_ARG_SRC, conv.floats_in()}, {DNNL_ARG_DIFF_DST, conv.floats_out()}, {DNNL_ARG_DIFF_WEIGHTS, 0}};
  GradKernel kernel;
  kernel.primitives = std::make_shared<onednn::RowPrimitives>(rows, emit.lanes(), arguments,
                                                              [&](std::int64_t chunk) { return conv.backward_weight(chunk, format); });
  if (!onednn::same(own, format)) kernel.reordering = std::make_shared<onednn::Reordering>(format, own, emit.lanes());
  kernel.rows_per_row = conv.rows_per_row;
  kernel.x = emit.in(1);
  kernel.dy = emit.in(0);
  kernel.dw = emit.partial_out(0);
  if (node.outputs().size() > 1) kernel.db = emit.partial_out(1);
  kernel.weight_bytes = onednn::bytes_of(own);
  kernel.format_bytes = onednn::bytes_of(format);
  kernel.channels = conv.channels[1];
  kernel.places = conv.places(conv.output);

  Parts& parts = kernel.parts;
  const std::int64_t reorder_bytes = kernel.reordering ? kernel.reordering->scratch_bytes() : 0;
  parts.weight_sum = whole_lines(std::max(kernel.primitives->scratch_bytes(), reorder_bytes));
  parts.weight_chunk = parts.weight_sum + (kernel.reordering ? whole_lines(kernel.format_bytes) : 0);
  parts.bytes = parts.weight_chunk + whole_lines(kernel.format_bytes);
  kernel.scratch = emit.scratch(parts.bytes);

  std::vector<plan::Use> extra = {plan::writes(kernel.dw, Access::own), plan::writes(kernel.scratch, Access::own)};
  if (kernel.db) extra.push_back(plan::writes(kernel.db, Access::own));
  emit.rows(kernel, std::move(extra));
}

std::string refuses(const ir::Node& node) {
  for (const std::size_t i : {0, 1}) {
    std::string reason = refuses_order(*node.input(i));
    if (!reason.empty()) return reason;
  }
  return {};
}

}  // namespace

Kernels convolution_grad_kernels() { return {{"ConvGradWeight", "conv_grad_weight:onednn", refuses, prepare}}; }

}  // namespace n2d2::cpu
