// MaxPoolConvGradInput: a list per window and place in it, whose sum of patches of weights is added to the image. Where the registers
// hold all inputs under a window, window by window; else the patches are walked through in slices of which those of all output channels
// stay in the first-level cache.
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
  std::vector<Slice> slices;          ///< without registers for whole windows
  std::vector<std::int32_t> windows;  ///< with them

  std::int64_t channels() const { return s.conv.channels[1]; }
  std::int64_t list_count() const { return static_cast<std::int64_t>(s.windows.size()) * s.window_places(); }
  std::int64_t list_bytes() const { return Lists::bytes(list_count(), channels()); }
  std::int64_t weight_step() const { return windows.empty() ? s.weights : s.conv.kernel[0] * s.conv.kernel[1] * simd().lanes; }

  void add(const Pooled& pooled, const float* gradients, const float* weights, float* image, void* memory) const {
    Lists lists(memory, list_count(), channels());
    lists.clear();
    SparseListing listing{
        .channels = channels(), .step = weight_step(), .entries = lists.of(0), .counts = lists.counts(), .room = channels()};
    for (const Window& window : s.windows) {
      listing.gradients = gradients + window.pixel;
      listing.argmax = pooled.argmax + window.pixel;
      simd().list_places(listing);
      listing.entries += s.window_places() * listing.room;
      listing.counts += s.window_places();
    }
    windows.empty() ? add_slices(lists, weights, image) : add_windows(lists, weights, image);
  }

  void add_slices(Lists& lists, const float* weights, float* image) const {
    const auto dot = simd().sparse_dot;
    for (const Slice& slice : slices) {
      std::int64_t list = 0;
      for (const Window& window : s.windows) {
        for (std::int64_t place = 0; place < s.window_places(); ++place, ++list) {
          dot(lists.of(list), lists.count(list), slice.patch, weights + slice.weight,
              image + window.offset + s.places[place] + slice.image);
        }
      }
    }
  }

  void add_windows(Lists& lists, const float* weights, float* image) const {
    simd().sparse_windows({.pool = static_cast<int>(s.pool.kernel[0]),
                           .kernel = static_cast<int>(s.conv.kernel[0]),
                           .entries = lists.of(0),
                           .counts = lists.counts(),
                           .room = channels(),
                           .windows = windows.data(),
                           .window_count = static_cast<std::int64_t>(windows.size()),
                           .weights = weights,
                           .outputs = channels(),
                           .channels = s.conv.channels[0],
                           .image = image,
                           .image_row = s.image.row_floats(),
                           .image_column = s.conv.channels[0]});
  }
};

/// Whether the sums of a window fit the registers, and its places and taps follow each other in the image.
bool fits_windows(const Sparse& s) {
  const auto all_one = [](const std::int64_t* list) { return list[0] == 1 && list[1] == 1; };
  const bool squares = s.pool.kernel[0] == s.pool.kernel[1] && s.conv.kernel[0] == s.conv.kernel[1];
  const bool dense = all_one(s.conv.strides) && all_one(s.pool.dilations) && s.conv.dilations[0] == 0 && s.conv.dilations[1] == 0;
  const std::int64_t outputs = s.conv.channels[1];
  return squares && dense && s.has_whole_windows() && outputs >= 16 &&
         simd().has_sparse_windows(static_cast<int>(s.pool.kernel[0]), static_cast<int>(s.conv.kernel[0]), s.conv.channels[0]);
}

Operand pack_weights(Emitter& emit, const ImageSums& sums) {
  const ir::Value& value = *emit.node().input(2);
  const Sparse& s = sums.s;
  const auto own = ir::strides_of(value.shape(), ir::order_of(value));
  const Operand weight = emit.in(2), packed = emit.packed(s.conv.channels[1] * s.weights * 4);
  if (sums.windows.empty()) {
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
  const auto work = std::make_shared<ImageSums>(ImageSums{sparse, slices_of(sparse), {}});
  if (fits_windows(sparse)) {
    for (const Window& window : sparse.windows) work->windows.push_back(window.offset);
  }
  const Operand weight = pack_weights(emit, *work), dx = emit.out();
  const PooledOperands pooled(emit);
  const std::int64_t gradients_at = work->list_bytes(), image_at = gradients_at + whole_lines(sparse.pool.floats_out() * 4);
  const Operand scratch = emit.scratch(image_at + sparse.image.bytes());
  emit.rows(
      [=](const Lane& lane) {
        const Sparse& s = work->s;
        char* memory = scratch.own<char>(lane);
        auto* gradients = reinterpret_cast<float*>(memory + gradients_at);
        for (std::int64_t row = 0; row < lane.rows * s.conv.rows_per_row; ++row) {
          float* to = dx.rows(lane) + row * s.conv.floats_in();
          float* image = s.image.is_needed() ? reinterpret_cast<float*>(memory + image_at) : to;
          std::fill(image, image + s.image.floats(), 0.0F);
          const Pooled of_image = pooled.at(lane, row * s.pool.floats_out());
          work->add(of_image, of_image.masked(s.pool.floats_out(), gradients), weight.all(lane), image, memory);
          if (image != to) s.image.take(image, to);
        }
      },
      {plan::writes(scratch, Access::own)});
}

}  // namespace

Kernels sparse_grad_input_kernels() { return {{"MaxPoolConvGradInput", "conv_grad_input:sparse", nullptr, prepare}}; }

}  // namespace n2d2::cpu
