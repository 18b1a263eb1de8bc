// ConvGradInput of 3x3 taps at stride 2 in tiles: every place of a tile is a matrix product. Inputs under one tap in both directions are
// made directly.
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

constexpr std::int64_t kFloats = 96 * 1024;  // of the places that are multiplied in one go: the second-level cache takes them
constexpr std::int64_t kLeastTiles = 14;     // of these: weights are used often enough

struct StridedGradInput {
  Convolution conv;
  StridedTiles tiles;
  bool shared = false;                                ///< each lane makes its rows of tiles of every image
  std::int64_t from = 0, to = 0;                      ///< floats of a tile in one place
  std::int64_t most = 0;                              ///< rows of tiles that are multiplied in one go
  std::int64_t weight_place = 0, center = 0;          ///< floats of a place, and where the weights of the middle tap begin
  std::int64_t taps[9] = {}, k_step = 0, m_step = 0;  ///< of the parameter
  Operand dy, dx, weights, scratch;

  StridedGradInput(const Convolution& convolution, const ir::Value& weight)
      : conv(convolution), tiles(convolution), from(whole_vectors(conv.channels[1])), to(whole_vectors(conv.channels[0])) {
    constexpr std::int64_t kSide = WinogradStridedBodies::kSide;
    most = (std::max(kLeastTiles, kFloats / (kSide * kSide * (from + to))) + across() - 1) / across();
    weight_place = simd().winograd[0][0].weight_place(conv.channels[1], conv.channels[0]);
    center = WinogradStridedBodies::kSum * weight_place;
    const auto strides = ir::strides_of(weight.shape(), ir::order_of(weight));
    k_step = strides[0];
    m_step = strides[1];
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const std::int64_t p = tap / 3, q = tap % 3;
      taps[tap] = (tiles.axes[0].reversed ? p : 2 - p) * strides[2] + (tiles.axes[1].reversed ? q : 2 - q) * strides[3];
    }
  }
  std::int64_t across() const { return tiles.axes[1].tiles(); }
  std::int64_t from_place() const { return most * across() * from + WinogradBodies::kPlaceGap; }
  std::int64_t to_place() const { return most * across() * to + WinogradBodies::kPlaceGap; }
  std::int64_t scratch_floats() const { return 25 * (from_place() + to_place()); }
  std::int64_t weight_floats() const { return center + simd().conv.packed_floats(conv.channels[1], conv.channels[0]); }

  void pack(const Lane& lane, const float* weight, float* packed) const {
    const plan::Range slice = plan::slice_of(conv.channels[0], lane, simd().conv.panel(conv.channels[0]));
    ConvWeights task{.first = weight,
                     .taps = taps,
                     .tap_count = 9,
                     .k_step = k_step,
                     .m_step = m_step,
                     .inputs = conv.channels[1],
                     .channels = conv.channels[0]};
    simd().winograd_strided.pack(task, slice.begin, slice.end, packed);
    task.taps += 4;
    task.tap_count = 1;
    simd().conv.pack(task, slice.begin, slice.end, packed + center);
  }

  void operator()(const Lane& lane) const {
    const plan::Range share = shared ? plan::slice_of(tiles.axes[0].tiles(), lane) : plan::Range{0, tiles.axes[0].tiles()};
    const float* gradients = shared ? dy.all(lane) : dy.rows(lane);
    float* made = shared ? dx.all(lane) : dx.rows(lane);
    const std::int64_t images = (shared ? lane.total_rows : lane.rows) * conv.rows_per_row;
    const std::int64_t rows = images * share.size();
    for (std::int64_t row = 0; row < rows; row += most) make_rows(gradients, made, share, {row, std::min(row + most, rows)}, lane);
  }

 private:
  /// What lies under the middle tap of rows of tiles of one image.
  void make_middle(const float* gradients, float* made, plan::Range rows, const Lane& lane) const {
    const StridedAxis &down = tiles.axes[0], &along = tiles.axes[1];
    const std::int64_t no_run = 0, begin = 4 * rows.begin, end = std::min(4 * rows.end, down.ones());
    const std::int64_t y_row = along.inputs * conv.channels[0], x_row = along.outputs * conv.channels[1];
    if (end <= begin) return;
    simd().conv.run({.x = gradients + (down.output + begin) * x_row + along.output * conv.channels[1],
                     .x_row = x_row,
                     .x_step = conv.channels[1],
                     .runs = &no_run,
                     .run_count = 1,
                     .run_floats = conv.channels[1],
                     .weights = weights.all(lane) + center,
                     .y = made + (2 * begin + down.first_one()) * y_row + along.first_one() * conv.channels[0],
                     .y_row = 2 * y_row,
                     .y_step = 2 * conv.channels[0],
                     .rows = end - begin,
                     .columns = along.ones(),
                     .channels = conv.channels[0]});
  }
  /// Rows of tiles, counted through all images.
  void make_rows(const float* gradients, float* made, plan::Range share, plan::Range rows, const Lane& lane) const {
    const WinogradStridedBodies& bodies = simd().winograd_strided;
    float* const places = scratch.own(lane);
    float* const products = places + 25 * from_place();
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      const auto lines = tiles.gradients(gradients + row / share.size() * conv.floats_out(), share.begin + row % share.size());
      bodies.gradients(lines, across(), places + (row - rows.begin) * across() * from, from_place());
    }
    const float* weight = weights.all(lane);
    for (std::int64_t row = rows.begin, end; row < rows.end; row = end) {
      const std::int64_t image = row / share.size(), first = share.begin + row % share.size();
      end = std::min(rows.end, (image + 1) * share.size());
      make_middle(gradients + image * conv.floats_out(), made + image * conv.floats_in(), {first, first + end - row}, lane);
    }
    for (const StridedKind& kind : kStridedKinds) {
      multiply(kind, places, weight, rows.size() * across(), products);
      weight += kind.places() * weight_place;
      for (std::int64_t row = rows.begin; row < rows.end; ++row) {
        const auto lines =
            tiles.inputs(made + row / share.size() * conv.floats_in(), share.begin + row % share.size(), kind.one_down, kind.one_across);
        bodies.outputs[kind.one_down][kind.one_across](lines, across(), products + (row - rows.begin) * across() * to, to_place());
      }
    }
  }
  void multiply(const StridedKind& kind, const float* places, const float* weight, std::int64_t count, float* products) const {
    for (std::int64_t place = 0; place < kind.places(); ++place) {
      simd().winograd_products({.x = places + kind.of_gradients(place) * from_place(),
                                .weights = weight + place * weight_place,
                                .y = products + place * to_place(),
                                .tiles = count,
                                .inputs = conv.channels[1],
                                .channels = conv.channels[0]});
    }
  }
};

Convolution described(const ir::Node& node) { return convolution_of(node, node.output_shape(), node.input_shape(1), node.input_shape(0)); }

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  StridedGradInput kernel(described(node), *node.input(1));
  kernel.shared = shares_rows(emit, kernel.conv, kernel.tiles.axes[0].tiles());
  kernel.dy = emit.in(0);
  kernel.dx = emit.out();
  kernel.weights = emit.packed(kernel.weight_floats() * 4);
  kernel.scratch = emit.scratch(kernel.scratch_floats() * 4);
  const Operand weight = emit.in(1);
  emit.pack(weight, kernel.weights, [=](const Lane& lane) { kernel.pack(lane, weight.all(lane), kernel.weights.all(lane)); }, true);
  std::vector<plan::Use> extra = {plan::writes(kernel.scratch, Access::own)};
  kernel.shared ? emit.shared_rows(kernel, std::move(extra)) : emit.rows(kernel, std::move(extra));
}

std::string refuses(const ir::Node& node) {
  if (node.phase() != ir::Phase::backward) return "a transposed convolution: its outputs are made directly";
  for (const ir::Value* value : {node.input(0), node.output()}) {
    std::string reason = refuses_unless_channels_last(*value);
    if (!reason.empty()) return reason;
  }
  return refuses_strided_tiles(described(node));
}

}  // namespace

Kernels winograd_strided_grad_input_kernels() { return {{"ConvGradInput", "conv_grad_input:winograd_strided", refuses, prepare}}; }

}  // namespace n2d2::cpu
