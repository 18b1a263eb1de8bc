// MaxPoolConvGradWeight: sums over the images of a lane, from lists of the gradients of each output channel, or for few input channels
// window by window.
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

/// What both kernels have: the sums in an order of their own, and where everything lies in the lane's scratch.
struct WeightSums {
  Sparse s;
  std::int64_t group;                 ///< images that are added at a time
  std::vector<std::int32_t> windows;  ///< as in Sparse, for all of them
  StridedCopy copy;                   ///< of the sums to the gradient
  PooledOperands pooled;
  Operand x, dw, db, scratch;
  std::int64_t own_bytes, image_at, sums_bytes;

  WeightSums(Emitter& emit, const Sparse& sparse, std::int64_t images, std::int64_t bytes, const std::vector<std::int64_t>& strides)
      : s(sparse), group(images), pooled(emit), own_bytes(whole_lines(bytes)) {
    for (std::int64_t i = 0; i < group; ++i) {
      for (const std::int32_t window : s.windows) windows.push_back(window + static_cast<std::int32_t>(i * image_step()));
    }
    const ir::Value& gradient = *emit.node().output(0);
    copy = {gradient.shape(), strides, ir::strides_of(gradient.shape(), ir::order_of(gradient))};
    x = emit.in(2);
    dw = emit.partial_out(0);
    if (emit.node().outputs().size() > 1) db = emit.partial_out(1);
    sums_bytes = whole_lines(s.conv.channels[1] * s.weights * 4);
    image_at = own_bytes + sums_bytes;
    scratch = emit.scratch(image_at + group * s.image.bytes(), true);
  }
  /// Floats between images of a group.
  std::int64_t image_step() const { return s.image.is_needed() ? s.image.bytes() / 4 : s.conv.floats_in(); }
  std::vector<plan::Use> uses() const {
    std::vector<plan::Use> extra = {plan::writes(dw, Access::own), plan::writes(scratch, Access::own)};
    if (db) extra.push_back(plan::writes(db, Access::own));
    return extra;
  }
  /// Calls add(memory, sums, gradients, images) for every group of images of the lane.
  template <class Add>
  void run(const Lane& lane, const Add& add) const {
    char* memory = scratch.own<char>(lane);
    auto* sums = reinterpret_cast<float*>(memory + own_bytes);
    if (lane.is_first) {
      std::memset(sums, 0, static_cast<std::size_t>(sums_bytes));
      if (db) std::fill(db.own(lane), db.own(lane) + s.conv.channels[1], 0.0F);
      for (std::int64_t i = 0; i < group; ++i) s.image.clear(memory + image_at + i * s.image.bytes());
    }
    const std::int64_t rows = lane.rows * s.conv.rows_per_row;
    for (std::int64_t row = 0; row < rows; row += group) {
      const float* from = x.rows(lane) + row * s.conv.floats_in();
      const float* images = s.image.fill(from, memory + image_at);
      SparseGradients gradients = pooled.at(lane, s, row);
      const std::int64_t count = std::min(group, rows - row);
      for (std::int64_t i = 1; i < count; ++i) s.image.fill(from + i * s.conv.floats_in(), memory + image_at + i * s.image.bytes());
      gradients.windows *= count;
      add(memory, sums, gradients, images);
    }
    if (lane.is_last) copy.run(1, sums, dw.own(lane));
  }
};

constexpr std::int64_t kGroupFloats = 12288;  // of images: half as much again as the first-level cache, as they are read to and back

void prepare_lists(Emitter& emit, const Sparse& s) {
  const std::int64_t group = std::clamp<std::int64_t>(kGroupFloats / s.image.floats(), 1, 8);
  const ListMemory memory_of_lists{s.conv.channels[1], group * static_cast<std::int64_t>(s.windows.size())};
  const auto work = std::make_shared<WeightSums>(emit, s, group, memory_of_lists.bytes(), s.weight_strides());
  emit.summed_rows(
      [=](const Lane& lane) {
        const Sparse& sparse = work->s;
        const SparsePatch patch{sparse.conv.kernel[0], sparse.run(), sparse.image_row(), sparse.run()};
        work->run(lane, [&](char* memory, float* sums, const SparseGradients& gradients, const float* images) {
          if (work->db) simd().sum_gradients(gradients, work->db.own(lane));
          const SparseLists lists = memory_of_lists.cleared(memory);
          simd().list_channels(gradients, work->windows.data(), sparse.places, lists);
          for (std::int64_t c = 0; c < gradients.channels; ++c) {  // to and back: what was read last is still in the cache
            simd().sparse_dot(lists.entries + c * lists.room, lists.counts[c], c % 2 == 1, patch, images, sums + c * sparse.weights);
          }
        });
      },
      work->uses());
}

/// The geometry of a SparsePick, or one of no rows when the patches are too large.
SparsePick pick_of(const Sparse& s) {
  SparsePick pick;
  const auto reach = [&](int axis) {
    return (s.pool.kernel[axis] - 1) * s.pool.dilations[axis] * s.conv.strides[axis] +
           (s.conv.kernel[axis] - 1) * (s.conv.dilations[axis] + 1) + 1;
  };
  const std::int64_t width = reach(1) * s.conv.channels[0];
  if (reach(0) * width > SparsePick::kFloats || s.window_places() > SparsePick::kPlaces || s.weights > SparsePick::kTaps) return pick;
  pick.rows = static_cast<int>(reach(0));
  pick.width = static_cast<int>(width);
  pick.channels = s.conv.channels[1];
  pick.image_row = s.image.row_floats();
  for (std::int64_t i = 0; i < s.window_places(); ++i) {
    const std::int64_t row = i / s.pool.kernel[1] * s.pool.dilations[0] * s.conv.strides[0];
    const std::int64_t column = i % s.pool.kernel[1] * s.pool.dilations[1] * s.conv.strides[1];
    pick.places[i] = static_cast<std::int32_t>(row * width + column * s.conv.channels[0]);
  }
  for (std::int64_t p = 0; p < s.conv.kernel[0]; ++p) {
    for (std::int64_t i = 0; i < s.run(); ++i) {
      const std::int64_t column = i / s.conv.channels[0] * (s.conv.dilations[1] + 1) * s.conv.channels[0] + i % s.conv.channels[0];
      pick.taps[pick.tap_count++] = static_cast<std::int32_t>(p * (s.conv.dilations[0] + 1) * width + column);
    }
  }
  return pick;
}

void prepare_pick(Emitter& emit, const Sparse& s, const SparsePick& geometry) {
  const std::int64_t channels = s.conv.channels[1];
  const std::vector<std::int64_t> strides = {1, channels, s.run() * channels, s.conv.channels[0] * channels};
  const auto work = std::make_shared<WeightSums>(emit, s, 1, 0, strides);
  emit.summed_rows(
      [=](const Lane& lane) {
        SparsePick pick = geometry;
        pick.windows = work->s.windows.data();
        pick.window_count = static_cast<std::int64_t>(work->s.windows.size());
        pick.gradients = work->db ? work->db.own(lane) : nullptr;
        work->run(lane, [&](char*, float* sums, const SparseGradients& gradients, const float* image) {
          pick.image = image;
          pick.dy = gradients.dy;
          pick.argmax = gradients.argmax;
          pick.y = gradients.y;
          pick.sums = sums;
          simd().sparse_pick(pick);
        });
      },
      work->uses());
}

constexpr std::int64_t kRunForLists = 8;  // floats of a kernel row: fewer leave a vector mostly empty

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Sparse s = sparse_of(node, node.input_shape(2), node.output_shape(0));
  const SparsePick pick = pick_of(s);
  const std::int64_t lanes = simd().lanes, reach = *std::max_element(std::begin(pick.places), std::end(pick.places)) + 1;
  const bool fits = pick.rows > 0 && (2 * lanes >= SparsePick::kFloats || reach <= lanes);  // two vectors, or one for a window's places
  const bool picks =
      simd().sparse_pick != nullptr && fits && s.run() < kRunForLists && s.conv.channels[1] >= lanes / 2 && s.has_whole_windows();
  picks ? prepare_pick(emit, s, pick) : prepare_lists(emit, s);
}

}  // namespace

Kernels sparse_grad_weight_kernels() { return {{"MaxPoolConvGradWeight", "conv_grad_weight:sparse", nullptr, prepare}}; }

}  // namespace n2d2::cpu
