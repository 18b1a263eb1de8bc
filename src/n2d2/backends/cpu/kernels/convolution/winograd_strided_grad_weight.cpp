// ConvGradWeight of 3x3 taps at stride 2 in tiles: a sum of outer products per place is collected over all tiles, and transformed back to
// taps at the end. The tap in the middle is summed directly.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/convolution/winograd_convolution.h"
#include "n2d2/backends/cpu/kernels/convolution/winograd_strided.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kLeastTiles = 64;                         // of a sum that is read and written once
constexpr std::int64_t kTileFloats = 1 << 16;                    // of all places that wait for it
constexpr std::int64_t kSums = WinogradStridedBodies::kSum + 1;  // the last one is of the tap in the middle

struct StridedGradWeight {
  Convolution conv;
  StridedTiles tiles;
  std::int64_t most = 0;         ///< rows of tiles whose products are summed in one go
  std::int64_t in = 0, out = 0;  ///< floats of a tile in one place
  std::int64_t strides[4] = {};  ///< of the parameter's axes, in floats
  Operand x, dy, dw, db, scratch;

  explicit StridedGradWeight(const Convolution& convolution)
      : conv(convolution), tiles(convolution), in(whole_vectors(conv.channels[0])), out(whole_vectors(conv.channels[1])) {
    most = (std::max(kLeastTiles, kTileFloats / (25 * (in + out))) + across() - 1) / across();
  }
  std::int64_t across() const { return tiles.axes[1].tiles(); }
  /// Floats from place to place.
  std::int64_t in_place() const { return most * across() * in + WinogradBodies::kPlaceGap; }
  std::int64_t out_place() const { return most * across() * out + WinogradBodies::kPlaceGap; }
  std::int64_t sum_floats() const { return conv.channels[0] * out; }
  std::int64_t scratch_bytes() const { return (kSums * sum_floats() + 25 * (in_place() + out_place())) * 4; }

  void operator()(const Lane& lane) const {
    float* sums = scratch.own(lane);
    float* bias = db ? db.own(lane) : nullptr;
    const std::int64_t images = lane.rows * conv.rows_per_row, down = tiles.axes[0].tiles();
    if (lane.is_first && bias != nullptr) std::fill(bias, bias + conv.channels[1], 0.0F);
    if (lane.is_first && images == 0) std::fill(sums, sums + kSums * sum_floats(), 0.0F);
    for (std::int64_t i = 0; i < images; ++i) {
      const float* dy_image = dy.rows(lane) + i * conv.floats_out();
      if (bias != nullptr) simd().sum_rows(dy_image, conv.output[0] * conv.output[1], conv.channels[1], bias);
    }
    for (std::int64_t row = 0; row < images * down; row += most) {
      add_rows(x.rows(lane), dy.rows(lane), {row, std::min(row + most, images * down)}, images * down, sums, lane.is_first && row == 0);
    }
    if (lane.is_last) write(sums, dw.own(lane));
  }

 private:
  /// What lies under the middle tap of rows of tiles of one image.
  void add_middle(const float* inputs, const float* gradients, plan::Range rows, float* sums, bool starts) const {
    const StridedAxis &down = tiles.axes[0], &along = tiles.axes[1];
    const std::int64_t x_row = along.inputs * conv.channels[0], dy_row = along.outputs * conv.channels[1], begin = 4 * rows.begin;
    const float* first_x = inputs + (2 * begin + down.first_one()) * x_row + along.first_one() * conv.channels[0];
    const float* first_dy = gradients + (begin + down.output) * dy_row + along.output * conv.channels[1];
    simd().outer({.a = {first_x, conv.channels[0], 0, 2 * x_row, 2 * conv.channels[0]},
                  .b = {first_dy, conv.channels[1], 0, dy_row, conv.channels[1]},
                  .images = 1,
                  .rows = std::max<std::int64_t>(0, std::min(4 * rows.end, down.ones()) - begin),
                  .pixels = along.ones(),
                  .sums = sums,
                  .sums_row = out,
                  .groups = 1,
                  .a_group = 0,
                  .sums_group = 0,
                  .starts = starts});
  }
  /// Rows of tiles, counted through all images, of which there are `end`.
  void add_rows(const float* inputs, const float* gradients, plan::Range rows, std::int64_t end, float* sums, bool starts) const {
    const WinogradStridedBodies& bodies = simd().winograd_strided;
    const std::int64_t down = tiles.axes[0].tiles(), next = x_before(rows.end);
    const std::int64_t ahead = x_before(std::min(rows.end + most, end)) - next;
    std::int64_t made = 0;
    float* const x_places = scratch_places(sums);
    float* const dy_places = x_places + 25 * in_place();
    for (std::int64_t row = rows.begin, end; row < rows.end; row = end) {
      end = std::min(rows.end, (row / down + 1) * down);
      add_middle(inputs + row / down * conv.floats_in(), gradients + row / down * conv.floats_out(), {row % down, row % down + end - row},
                 sums + WinogradStridedBodies::kSum * sum_floats(), starts && row == rows.begin);
    }
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      bodies.gradients(tiles.gradients(gradients + row / down * conv.floats_out(), row % down), across(),
                       dy_places + (row - rows.begin) * across() * out, out_place());
    }
    for (const StridedKind& kind : kStridedKinds) {
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        const auto lines = tiles.inputs(inputs + row / down * conv.floats_in(), row % down, kind.one_down, kind.one_across);
        bodies.inputs[kind.one_down][kind.one_across](lines, across(), x_places + (row - rows.begin) * across() * in, in_place());
      }
      for (std::int64_t place = 0; place < kind.places(); ++place, sums += sum_floats(), ++made) {
        add_place(x_places + place * in_place(), dy_places + kind.of_gradients(place) * out_place(), rows.size() * across(), sums, starts);
        fetch(inputs + next + ahead * made / WinogradStridedBodies::kSum, ahead / WinogradStridedBodies::kSum);
      }
    }
  }
  float* scratch_places(float* sums) const { return sums + kSums * sum_floats(); }
  void add_place(const float* x_places, const float* dy_places, std::int64_t count, float* sums, bool starts) const {
    simd().outer({.a = {x_places, conv.channels[0], 0, 0, in},
                  .b = {dy_places, conv.channels[1], 0, 0, out},
                  .images = 1,
                  .rows = 1,
                  .pixels = count,
                  .sums = sums,
                  .sums_row = out,
                  .groups = 1,
                  .a_group = 0,
                  .sums_group = 0,
                  .starts = starts});
  }
  /// Floats of the images before a row of tiles.
  std::int64_t x_before(std::int64_t row) const {
    const std::int64_t down = tiles.axes[0].tiles();
    return row / down * conv.floats_in() + row % down * 8 * tiles.axes[1].inputs * conv.channels[0];
  }
  /// Inputs of the next tiles come while products are summed: a tile's lie apart, so that no machine foresees them.
  static void fetch(const float* from, std::int64_t floats) {
    for (std::int64_t i = 0; i < floats; i += 16) __builtin_prefetch(from + i);
  }
  void write(float* sums, float* to) const {
    const float* taps[9] = {};
    for (const StridedKind& kind : kStridedKinds) {
      simd().winograd_strided.taps[kind.one_down][kind.one_across](sums, sum_floats());
      const std::int64_t columns = kind.one_across ? 1 : 2, count = (kind.one_down ? 1 : 2) * columns;
      for (std::int64_t tap = 0; tap < count; ++tap) {
        const std::int64_t p = kind.one_down ? 1 : tiles.axes[0].tap(tap / columns);
        const std::int64_t q = kind.one_across ? 1 : tiles.axes[1].tap(tap % columns);
        taps[3 * p + q] = sums + tap * sum_floats();
      }
      sums += kind.places() * sum_floats();
    }
    taps[4] = sums;
    write_taps(taps, conv, out, strides, to);
  }
};

Convolution described(const ir::Node& node) { return convolution_of(node, node.input_shape(1), node.output_shape(0), node.input_shape(0)); }

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  StridedGradWeight kernel(described(node));
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
  for (const std::size_t i : {0, 1}) {
    std::string reason = refuses_unless_channels_last(*node.input(i));
    if (!reason.empty()) return reason;
  }
  return refuses_strided_tiles(described(node));
}

}  // namespace

Kernels winograd_strided_grad_weight_kernels() { return {{"ConvGradWeight", "conv_grad_weight:winograd_strided", refuses, prepare}}; }

}  // namespace n2d2::cpu
