// ConvGradWeight of 3x3 taps by fewer multiplications: inputs and gradients are transformed to the places of Winograd's tiles, a sum of
// outer products per place is collected over all tiles, and what is transformed back at the end are the gradients of nine taps.
// Source: Lavin and Gray 2016, F(2x2, 3x3) and F(4x4, 3x3), of which these are the transposed maps.
#include <algorithm>
#include <utility>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/kernels/convolution/winograd_convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/scratch.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kLeastTiles = 64;       // of a sum that is read and written once
constexpr std::int64_t kTileFloats = 1 << 16;  // of all places that wait for it

struct WinogradGradWeight {
  Convolution conv;
  const WinogradBodies* bodies;
  WinogradImage image;
  std::int64_t down = 0, across = 0;  ///< tiles of an image
  std::int64_t most = 0;              ///< tiles whose products are summed in one go
  std::int64_t in = 0, out = 0;       ///< floats of a tile in one place
  std::int64_t strides[4] = {};       ///< of the parameter's axes, in floats
  Operand x, dy, dw, db, scratch;

  explicit WinogradGradWeight(const Convolution& convolution)
      : conv(convolution), bodies(&winograd_squares(conv.channels[0], conv.channels[1], conv.output[0], conv.output[1])) {
    down = bodies->tiles(0, conv.output[0]);
    across = bodies->tiles(1, conv.output[1]);
    in = whole_vectors(conv.channels[0]);
    out = whole_vectors(conv.channels[1]);
    most = (std::max(kLeastTiles, kTileFloats / (bodies->places() * (in + out))) + across - 1) / across * across;
    image.channels = conv.channels[0];
    for (const int axis : {0, 1}) {
      image.extent[axis] = conv.input[axis];
      image.before[axis] = conv.pads_begin[axis];
    }
  }
  /// Floats from place to place.
  std::int64_t in_place() const { return most * in + WinogradBodies::kPlaceGap; }
  std::int64_t out_place() const { return most * out + WinogradBodies::kPlaceGap; }
  std::int64_t sum_floats() const { return conv.channels[0] * out; }
  std::int64_t scratch_bytes() const {
    return bodies->places() * (sum_floats() + in_place() + out_place()) * 4 + whole_lines(image.row_floats() * 4);
  }

  void operator()(const Lane& lane) const {
    float* sums = scratch.own(lane);
    float* inputs = sums + bodies->places() * sum_floats();
    float* gradients = inputs + bodies->places() * in_place();
    float* zeros = gradients + bodies->places() * out_place();
    float* bias = db ? db.own(lane) : nullptr;
    const std::int64_t images = lane.rows * conv.rows_per_row;
    bool starts = lane.is_first;
    if (lane.is_first) {
      if (images == 0) std::fill(sums, sums + bodies->places() * sum_floats(), 0.0F);
      if (bias != nullptr) std::fill(bias, bias + conv.channels[1], 0.0F);
      std::fill_n(zeros, image.row_floats(), 0.0F);
    }
    std::int64_t tiles = 0;
    for (std::int64_t i = 0; i < images; ++i) {
      const float* from = x.rows(lane) + i * conv.floats_in();
      const float* dy_image = dy.rows(lane) + i * conv.floats_out();
      if (bias != nullptr) simd().sum_rows(dy_image, conv.output[0] * conv.output[1], conv.channels[1], bias);
      for (std::int64_t row = 0; row < down; ++row, tiles += across) {
        if (tiles == most) add(sums, inputs, gradients, std::exchange(tiles, 0), std::exchange(starts, false));
        const std::int64_t first = row * bodies->outputs[0];
        bodies->input_tiles(image.under(from, first, 0, zeros), across, inputs + tiles * in, in_place());
        bodies->gradient_tiles(dy_image + first * conv.output[1] * conv.channels[1], conv.output[0] - first, conv.output[1],
                               conv.channels[1], gradients + tiles * out, out_place());
      }
    }
    if (tiles > 0) add(sums, inputs, gradients, tiles, starts);
    if (lane.is_last) write(sums, dw.own(lane));
  }

 private:
  void add(float* sums, const float* inputs, const float* gradients, std::int64_t tiles, bool starts) const {
    for (std::int64_t place = 0; place < bodies->places(); ++place) {
      simd().outer({.a = {inputs + place * in_place(), conv.channels[0], 0, 0, in},
                    .b = {gradients + place * out_place(), conv.channels[1], 0, 0, out},
                    .images = 1,
                    .rows = 1,
                    .pixels = tiles,
                    .sums = sums + place * sum_floats(),
                    .sums_row = out,
                    .groups = 1,
                    .a_group = 0,
                    .sums_group = 0,
                    .starts = starts});
    }
  }
  void write(float* sums, float* to) const {
    bodies->taps(sums, sum_floats());
    const float* taps[9];
    for (std::int64_t tap = 0; tap < 9; ++tap) taps[tap] = sums + tap * sum_floats();
    write_taps(taps, conv, out, strides, to);
  }
};

Convolution described(const ir::Node& node) { return convolution_of(node, node.input_shape(1), node.output_shape(0), node.input_shape(0)); }

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  WinogradGradWeight kernel(described(node));
  kernel.x = emit.in(1);
  kernel.dy = emit.in(0);
  kernel.dw = emit.partial_out(0);
  if (node.outputs().size() > 1) kernel.db = emit.partial_out(1);
  const auto strides = ir::strides_of(node.output_shape(0), ir::order_of(*node.output(0)));
  std::copy(strides.begin(), strides.end(), kernel.strides);
  kernel.scratch = emit.scratch(kernel.scratch_bytes(), true);
  std::vector<plan::Use> extra = {plan::writes(kernel.dw, Access::own), plan::writes(kernel.scratch, Access::own)};
  if (kernel.db) extra.push_back(plan::writes(kernel.db, Access::own));
  emit.summed_rows(kernel, std::move(extra));
}

std::string refuses(const ir::Node& node) {
  if (node.integer("group") != 1) return "several groups";
  for (const std::size_t i : {0, 1}) {
    std::string reason = refuses_unless_channels_last(*node.input(i));
    if (!reason.empty()) return reason;
  }
  if (node.output_shape(0).elements_per_row() > kMostOuterWeights) return "so many weights that blocks of them pay";
  const Convolution conv = described(node);
  for (const int axis : {0, 1}) {
    if (conv.kernel[axis] != 3 || conv.strides[axis] != 1 || conv.dilations[axis] != 0) return "not 3x3 at stride 1";
  }
  return winograd_pays(conv.channels[0], conv.channels[1], conv.output[0], conv.output[1]) ? "" : "too few channels or tiles";
}

}  // namespace

Kernels winograd_grad_weight_kernels() { return {{"ConvGradWeight", "conv_grad_weight:winograd", refuses, prepare}}; }

}  // namespace n2d2::cpu
