// Depthwise convolutions, forward and both gradients, on loops of our own. The image is cut into patches of output pixels that see the
// same taps of the kernel, so that nothing tests for the border or, in the input's gradient, for the stride.
#include <algorithm>
#include <array>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kBlockFloats = 1 << 15;  // images done together: as many as stay in the second-level cache
constexpr std::int64_t kShortRow = 8;           // fewer pixels leave the innermost loop too short
constexpr double kUsed = 0.9;                   // of the vectors' lanes: pixels are joined until it is reached

std::int64_t whole(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

/// Along one axis: outputs `first`, `first + step`, ... that see the same taps.
struct Segment {
  struct Tap {
    std::int64_t index;  ///< in the kernel
    std::int64_t at;     ///< place in the input for the first output
  };
  std::int64_t first, step, count;
  std::vector<Tap> taps;
};
using Taps = std::vector<Segment::Tap>;

bool same_taps(const Taps& a, const Taps& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& s, const auto& t) { return s.index == t.index; });
}

/// `taps_of(i)`: what output i of `count` sees. Neighbours in a segment are `step` outputs apart.
template <class TapsOf>
std::vector<Segment> segments(std::int64_t count, std::int64_t step, const TapsOf& taps_of) {
  std::vector<Segment> all;
  for (std::int64_t phase = 0; phase < std::min(step, count); ++phase) {
    for (std::int64_t i = phase; i < count; i += step) {
      Taps taps = taps_of(i);
      if (i > phase && same_taps(all.back().taps, taps)) {
        ++all.back().count;
      } else {
        all.push_back({i, step, 1, std::move(taps)});
      }
    }
  }
  return all;
}

/// A rectangle of output pixels of one image.
struct Patch {
  std::int64_t first;  ///< float of the first output pixel
  std::array<std::int64_t, 2> count, x_step, y_step;
  std::vector<DepthwiseTap> taps;
};

/// From an image of `from` places to one of `to` places: the convolution, or the gradient of its input.
struct Depthwise {
  Convolution conv;
  std::int64_t from[2] = {}, to[2] = {};
  std::int64_t repeats = 1;  ///< pixels that share the vectors of the channels, where pixels lie together on both sides
  std::vector<Patch> patches;

  Depthwise(const Convolution& convolution, bool is_gradient) : conv(convolution) {
    std::vector<Segment> axes[2];
    for (int i : {0, 1}) {
      from[i] = is_gradient ? conv.output[i] : conv.input[i];
      to[i] = is_gradient ? conv.input[i] : conv.output[i];
      axes[i] = segments(to[i], is_gradient ? conv.strides[i] : 1, [&](std::int64_t at) { return taps_of(i, at, is_gradient); });
    }
    while (conv.strides[1] == 1 && used(repeats) < kUsed && repeats < lanes() && repeats < to[1] / 2) ++repeats;
    const std::int64_t x_steps[2] = {is_gradient ? 1 : conv.strides[0], is_gradient ? 1 : conv.strides[1]};
    for (const Segment& rows : axes[0]) {
      for (const Segment& columns : axes[1]) patches.push_back(patch(rows, columns, x_steps));
    }
  }
  static std::int64_t lanes() { return simd().lanes; }
  std::int64_t channels() const { return conv.channels[0]; }
  /// The part of the vectors that `n` pixels side by side fill.
  double used(std::int64_t n) const { return static_cast<double>(n * channels()) / static_cast<double>(whole(n * channels(), lanes())); }
  std::int64_t floats_from() const { return from[0] * from[1] * channels(); }
  std::int64_t floats_to() const { return to[0] * to[1] * channels(); }
  /// Of the packed weights and of the sums: one row per tap, and one for the bias.
  std::int64_t row() const { return whole(repeats * channels(), lanes()); }
  std::int64_t taps() const { return conv.kernel[0] * conv.kernel[1]; }
  std::int64_t block() const { return std::max<std::int64_t>(1, kBlockFloats / (floats_from() + floats_to())); }

 private:
  Taps taps_of(int axis, std::int64_t at, bool is_gradient) const {
    Taps taps;
    for (std::int64_t k = 0; k < conv.kernel[axis]; ++k) {
      const std::int64_t reach = k * (conv.dilations[axis] + 1) - conv.pads_begin[axis], stride = conv.strides[axis];
      if (is_gradient && (at - reach) % stride != 0) continue;
      const std::int64_t place = is_gradient ? (at - reach) / stride : at * stride + reach;
      if (place >= 0 && place < from[axis]) taps.push_back({k, place});
    }
    return taps;
  }
  Patch patch(const Segment& rows, const Segment& columns, const std::int64_t (&x_steps)[2]) const {
    const std::int64_t c = channels();
    Patch patch{(rows.first * to[1] + columns.first) * c,
                {rows.count, columns.count},
                {x_steps[0] * from[1] * c, x_steps[1] * c},
                {rows.step * to[1] * c, columns.step * c},
                {}};
    for (const auto& down : rows.taps) {
      for (const auto& across : columns.taps) {
        patch.taps.push_back({(down.at * from[1] + across.at) * c, (down.index * conv.kernel[1] + across.index) * row()});
      }
    }
    return patch;
  }
};

/// The longest dimension becomes the innermost when the row is short.
void lengthen(DepthwisePixels& pixels) {
  if (pixels.count[2] >= kShortRow) return;
  const int longest = pixels.count[0] > pixels.count[1] ? 0 : 1;
  if (pixels.count[longest] <= pixels.count[2]) return;
  for (std::int64_t* of : {pixels.count, pixels.x_step, pixels.y_step}) std::swap(of[longest], of[2]);
}

/// Calls body(pixels, first float in x, first float in y) for the patches of some images.
template <class Body>
void each_patch(const Depthwise& d, std::int64_t images, const Body& body) {
  const std::int64_t c = d.channels();
  for (const Patch& patch : d.patches) {
    DepthwisePixels pixels{{images, patch.count[0], patch.count[1]},          {d.floats_from(), patch.x_step[0], patch.x_step[1]},
                           {d.floats_to(), patch.y_step[0], patch.y_step[1]}, patch.taps.data(),
                           static_cast<std::int64_t>(patch.taps.size()),      c};
    const bool is_joined = d.repeats > 1 && patch.x_step[1] == c && patch.y_step[1] == c;
    const std::int64_t repeats = is_joined ? d.repeats : 1, width = repeats * c;
    const std::int64_t joined = patch.count[1] / repeats, rest = patch.count[1] % repeats;
    DepthwisePixels end = pixels;
    if (joined > 0) {
      pixels.count[2] = joined;
      pixels.channels = width;
      pixels.x_step[2] *= repeats;
      pixels.y_step[2] *= repeats;
      lengthen(pixels);
      body(pixels, 0, patch.first);
    }
    if (rest > 0) {
      end.count[2] = 1;
      end.channels = rest * c;
      lengthen(end);
      body(end, joined * width, patch.first + joined * width);
    }
  }
}

/// Distances in the weights' value, in floats.
struct WeightStrides {
  std::int64_t channel, down, across;
  explicit WeightStrides(const ir::Value& value) {
    const auto strides = ir::strides_of(value.shape(), ir::order_of(value));
    channel = strides[0];
    down = strides[2];
    across = strides[3];
  }
};

/// Calls body(place in the weights' value, place in the packed rows) for the first copy of every weight.
template <class Body>
void each_weight(const Depthwise& d, const WeightStrides& strides, const Body& body) {
  const std::int64_t channels = d.channels(), step = strides.channel;
  for (std::int64_t p = 0; p < d.conv.kernel[0]; ++p) {
    for (std::int64_t q = 0; q < d.conv.kernel[1]; ++q) {
      const std::int64_t first = p * strides.down + q * strides.across, row = (p * d.conv.kernel[1] + q) * d.row();
      for (std::int64_t c = 0; c < channels; ++c) body(first + c * step, row + c);
    }
  }
}

/// The copies of a row behind its first `channels` numbers, then zeros.
void repeat(const Depthwise& d, float* row) {
  const std::int64_t channels = d.channels(), used = d.repeats * channels;
  for (std::int64_t i = channels; i < used; ++i) row[i] = row[i - channels];
  std::fill(row + used, row + d.row(), 0.0F);
}

/// Adds the copies of a row to its first `channels` numbers.
void add_copies(const Depthwise& d, float* row) {
  for (std::int64_t i = 1; i < d.repeats; ++i) simd().accumulate(row + i * d.channels(), row, d.channels());
}

/// Conv, and ConvGradInput: only what sees what differs.
void prepare_rows(Emitter& emit, const Convolution& conv, bool is_gradient) {
  const auto d = std::make_shared<const Depthwise>(conv, is_gradient);
  const Operand packed = emit.packed((d->taps() + 1) * d->row() * 4), weight = emit.in(1);
  emit.pack(weight, packed, [=, strides = WeightStrides(*emit.node().input(1))](const Lane& lane) {
    const float* from = weight.all(lane);
    float* to = packed.all(lane);
    each_weight(*d, strides, [&](std::int64_t place, std::int64_t row) { to[row] = from[place]; });
    for (std::int64_t tap = 0; tap < d->taps(); ++tap) repeat(*d, to + tap * d->row());
  });
  const Operand bias = is_gradient ? Operand() : emit.in(2);
  if (bias) {
    emit.pack(bias, packed, [=](const Lane& lane) {
      float* to = packed.all(lane) + d->taps() * d->row();
      std::copy(bias.all(lane), bias.all(lane) + d->channels(), to);
      repeat(*d, to);
    });
  }
  const Operand x = emit.in(0), y = emit.out();
  emit.rows([=, block = d->block(), has_bias = static_cast<bool>(bias)](const Lane& lane) {
    const float* weights = packed.all(lane);
    const float* added = has_bias ? weights + d->taps() * d->row() : nullptr;
    const std::int64_t count = lane.rows * d->conv.rows_per_row;
    for (std::int64_t image = 0; image < count; image += block) {
      const float* from = x.rows(lane) + image * d->floats_from();
      float* to = y.rows(lane) + image * d->floats_to();
      each_patch(*d, std::min(block, count - image), [&](const DepthwisePixels& pixels, std::int64_t first_x, std::int64_t first_y) {
        simd().depthwise(pixels, from + first_x, weights, added, to + first_y);
      });
    }
  });
}

void prepare_conv(Emitter& emit) {
  const ir::Node& node = emit.node();
  prepare_rows(emit, convolution_of(node, node.input_shape(0), node.input_shape(1), node.output_shape()), false);
}

void prepare_grad_input(Emitter& emit) {
  const ir::Node& node = emit.node();
  prepare_rows(emit, convolution_of(node, node.output_shape(), node.input_shape(1), node.input_shape(0)), true);
}

void prepare_grad_weight(Emitter& emit) {
  const ir::Node& node = emit.node();
  const auto d =
      std::make_shared<const Depthwise>(convolution_of(node, node.input_shape(1), node.output_shape(0), node.input_shape(0)), false);
  const Operand dy = emit.in(0), x = emit.in(1), dw = emit.partial_out(0);
  const Operand db = node.outputs().size() > 1 ? emit.partial_out(1) : Operand();
  const Operand scratch = emit.scratch(d->taps() * d->row() * 4, true);
  std::vector<plan::Use> extra = {plan::writes(dw, Access::own), plan::writes(scratch, Access::own)};
  if (db) extra.push_back(plan::writes(db, Access::own));
  emit.summed_rows(
      [=, block = d->block(), strides = WeightStrides(*node.output(0))](const Lane& lane) {
        float* sums = scratch.own(lane);
        if (lane.is_first) {
          std::fill(sums, sums + d->taps() * d->row(), 0.0F);
          if (db) std::fill(db.own(lane), db.own(lane) + d->channels(), 0.0F);
        }
        const std::int64_t count = lane.rows * d->conv.rows_per_row;
        for (std::int64_t image = 0; image < count; image += block) {
          const std::int64_t images = std::min(block, count - image);
          const float* inputs = x.rows(lane) + image * d->floats_from();
          const float* gradients = dy.rows(lane) + image * d->floats_to();
          if (db) simd().sum_rows(gradients, images * d->to[0] * d->to[1], d->channels(), db.own(lane));
          each_patch(*d, images, [&](const DepthwisePixels& pixels, std::int64_t first_x, std::int64_t first_y) {
            simd().depthwise_grad_weight(pixels, inputs + first_x, gradients + first_y, sums);
          });
        }
        if (!lane.is_last) return;
        float* to = dw.own(lane);
        for (std::int64_t tap = 0; tap < d->taps(); ++tap) add_copies(*d, sums + tap * d->row());
        each_weight(*d, strides, [=](std::int64_t place, std::int64_t row) { to[place] = sums[row]; });
      },
      std::move(extra));
}

std::string refuses_unless_depthwise(std::int64_t group, const ir::Value& x, const ir::Value& y) {
  if (group == 1 || group != x.shape()[1].size || group != y.shape()[1].size) return "not one kernel per channel";
  const std::string reason = refuses_unless_channels_last(x);
  return reason.empty() ? refuses_unless_channels_last(y) : reason;
}

std::string refuses_rows(const ir::Node& node) { return refuses_unless_depthwise(node.integer("group"), *node.input(0), *node.output()); }
std::string refuses_weight(const ir::Node& node) { return refuses_unless_depthwise(node.integer("group"), *node.input(0), *node.input(1)); }

}  // namespace

Kernels depthwise_kernels() {
  return {{"Conv", "conv:depthwise", refuses_rows, prepare_conv},
          {"ConvGradInput", "conv_grad_input:depthwise", refuses_rows, prepare_grad_input},
          {"ConvGradWeight", "conv_grad_weight:depthwise", refuses_weight, prepare_grad_weight}};
}

}  // namespace n2d2::cpu
