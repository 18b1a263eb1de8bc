// MaxPoolConvGradInput: the gradients of each window and place in it give a sum of patches of weights, which is added to the image. Where
// the registers hold all inputs under a window, window by window; else from lists, and the patches are walked through in slices of which
// those of all output channels stay in the first-level cache.
#include "n2d2/backends/cpu/kernels/convolution/sparse_convolution.h"
#include "n2d2/backends/cpu/kernels/copies/strided_copy.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kSliceFloats = 6144;  // of the weights: three quarters of the first-level cache
constexpr std::int64_t kLeastFloats = 64;    // of a patch in a slice

/// Some rows of a patch, or some floats of one.
struct Slice {
  SparsePatch patch;
  std::int64_t weight, image;  ///< where it begins in a patch of weights and of the image
};

std::vector<Slice> slices_of(const Sparse& s) {
  const std::int64_t most = std::max(kLeastFloats, kSliceFloats / s.conv.channels[1]), run = s.run();
  const std::int64_t rows = std::min(std::max<std::int64_t>(1, most / run), s.conv.kernel[0]);
  const std::int64_t floats = rows > 1 ? run : std::min(run, std::max(kLeastFloats, most / 16 * 16));
  std::vector<Slice> slices;
  for (std::int64_t p = 0; p < s.conv.kernel[0]; p += rows) {
    for (std::int64_t i = 0; i < run; i += floats) {
      const SparsePatch patch{std::min(rows, s.conv.kernel[0] - p), std::min(floats, run - i), run, s.image_row()};
      slices.push_back({patch, p * run + i, p * s.image_row() + i});
    }
  }
  return slices;
}

struct ImageSums {
  Sparse s;
  std::vector<Slice> slices;
  bool by_windows;  ///< else by slices

  std::int64_t channels() const { return s.conv.channels[1]; }
  ListMemory lists() const { return {s.pool.out_height * s.pool.out_width * s.window_places(), channels()}; }
  std::int64_t memory_bytes() const { return by_windows ? (channels() + 31) / 32 * lists().keys * 4 : lists().bytes(); }
  /// Whether the windows' patches cover the image.
  bool writes_all() const {
    const std::int64_t rows = s.pool.out_height * s.pool.kernel[0] + s.conv.kernel[0] - 1;
    const std::int64_t columns = s.pool.out_width * s.pool.kernel[1] + s.conv.kernel[1] - 1;
    return by_windows && s.image.floats() == rows * columns * s.image.channels;
  }

  void run(const SparseGradients& gradients, const float* weights, float* image, void* memory) const {
    if (!writes_all()) std::fill(image, image + s.image.floats(), 0.0F);
    by_windows ? add_windows(gradients, weights, image, memory) : add_slices(gradients, weights, image, memory);
  }

  /// Column by column: patches of neighbours lie one above the other and share no row, so that a sum in memory need not wait for the one
  /// before.
  void add_slices(const SparseGradients& gradients, const float* weights, float* image, void* memory) const {
    const SparseLists of_places = lists().cleared(memory);
    simd().list_places(gradients, s.weights, of_places);
    const auto dot = simd().sparse_dot;
    const std::int64_t windows = s.pool.out_height * s.pool.out_width;
    for (const Slice& slice : slices) {
      for (std::int64_t i = 0; i < windows; ++i) {
        const std::int64_t window = i % s.pool.out_height * s.pool.out_width + i / s.pool.out_height;
        for (std::int64_t place = 0; place < s.window_places(); ++place) {
          const std::int64_t list = window * s.window_places() + place;
          dot(of_places.entries + list * of_places.room, of_places.counts[list], false, slice.patch, weights + slice.weight,
              image + s.windows[static_cast<std::size_t>(window)] + s.places[place] + slice.image);
        }
      }
    }
  }

  void add_windows(const SparseGradients& gradients, const float* weights, float* image, void* memory) const {
    auto* bits = static_cast<std::uint32_t*>(memory);
    simd().mark_places(gradients, bits);
    simd().sparse_windows({.pool = static_cast<int>(s.pool.kernel[0]),
                           .kernel = static_cast<int>(s.conv.kernel[0]),
                           .bits = bits,
                           .dy = gradients.dy,
                           .rows = s.pool.out_height,
                           .columns = s.pool.out_width,
                           .weights = weights,
                           .outputs = channels(),
                           .channels = s.conv.channels[0],
                           .image = image,
                           .image_row = s.image.row_floats()});
  }
};

/// Whether the sums of a window fit the registers, and windows, their places and taps follow each other in the image.
bool fits_windows(const Sparse& s) {
  const auto all_one = [](const std::int64_t* list) { return list[0] == 1 && list[1] == 1; };
  const bool squares = s.pool.kernel[0] == s.pool.kernel[1] && s.conv.kernel[0] == s.conv.kernel[1];
  const bool adjacent = s.pool.strides[0] == s.pool.kernel[0] && s.pool.strides[1] == s.pool.kernel[1];
  const bool dense = all_one(s.conv.strides) && all_one(s.pool.dilations) && s.conv.dilations[0] == 0 && s.conv.dilations[1] == 0;
  const std::int64_t outputs = s.conv.channels[1];
  return squares && adjacent && dense && s.has_whole_windows() && outputs >= 16 &&
         simd().has_sparse_windows(static_cast<int>(s.pool.kernel[0]), static_cast<int>(s.conv.kernel[0]), s.conv.channels[0]);
}

Operand pack_weights(Emitter& emit, const ImageSums& sums) {
  const ir::Value& value = *emit.node().input(2);
  const Sparse& s = sums.s;
  const auto own = ir::strides_of(value.shape(), ir::order_of(value));
  const Operand weight = emit.in(2), packed = emit.packed(s.conv.channels[1] * s.weights * 4);
  if (!sums.by_windows) {
    const StridedCopy copy(value.shape(), own, s.weight_strides());
    emit.pack(weight, packed, [=](const Lane& lane) { copy.run(1, weight.all(lane), packed.all(lane)); });
    return packed;
  }
  // [input / lanes, output, tap, lanes]
  const std::int64_t lanes = simd().lanes, taps = s.conv.kernel[0] * s.conv.kernel[1], outputs = s.conv.channels[1];
  const Shape shape = {outputs, s.conv.channels[0] / lanes, lanes, s.conv.kernel[0], s.conv.kernel[1]};
  const StridedCopy copy(shape, {own[0], own[1] * lanes, own[1], own[2], own[3]},
                         {taps * lanes, outputs * taps * lanes, 1, s.conv.kernel[1] * lanes, lanes});
  emit.pack(weight, packed, [=](const Lane& lane) { copy.run(1, weight.all(lane), packed.all(lane)); });
  return packed;
}

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Sparse sparse = sparse_of(node, node.output_shape(), node.input_shape(2));
  const auto work = std::make_shared<ImageSums>(ImageSums{sparse, slices_of(sparse), fits_windows(sparse)});
  const Operand weight = pack_weights(emit, *work), dx = emit.out();
  const PooledOperands pooled(emit);
  const std::int64_t image_at = whole_lines(work->memory_bytes());
  const Operand scratch = emit.scratch(image_at + sparse.image.bytes());
  emit.rows(
      [=](const Lane& lane) {
        const Sparse& s = work->s;
        char* memory = scratch.own<char>(lane);
        for (std::int64_t row = 0; row < lane.rows * s.conv.rows_per_row; ++row) {
          float* to = dx.rows(lane) + row * s.conv.floats_in();
          float* image = s.image.is_needed() ? reinterpret_cast<float*>(memory + image_at) : to;
          work->run(pooled.at(lane, s, row), weight.all(lane), image, memory);
          if (image != to) s.image.take(image, to);
        }
      },
      {plan::writes(scratch, Access::own)});
}

}  // namespace

Kernels sparse_grad_input_kernels() { return {{"MaxPoolConvGradInput", "conv_grad_input:sparse", nullptr, prepare}}; }

}  // namespace n2d2::cpu
