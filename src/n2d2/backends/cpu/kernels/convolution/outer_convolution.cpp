// ConvGradWeight of dense convolutions on register tiles of our own. With activations channels-last, the inputs under one row of a
// kernel lie together: the gradient of those weights is a sum of outer products of that run and the gradients of an output pixel.
#include <algorithm>
#include <cstring>
#include <vector>

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

// The tiles visit a block of this many pixels, or one row, in turn: enough to pay for adding the tiles' sums, and few enough that rounding
// stays small (the sums of a block are a chain) and that input and gradient stay in the second-level cache.
constexpr std::int64_t kBlockPixels = 400;
constexpr std::int64_t kShortRun = 10;  // shorter runs do not fill a tile: several rows of the kernel share one

std::int64_t whole(std::int64_t n, std::int64_t unit) { return (n + unit - 1) / unit * unit; }

/// Columns of the output for which the same taps of a run meet the image.
struct Segment {
  std::int64_t run;
  plan::Range columns, taps;
  std::int64_t rows;  ///< of the output, in a block
};

/// How the sums are cut: one matrix [run, outputs] or [outputs, run] per run, in the lane's scratch.
struct Cut {
  Convolution conv;
  std::int64_t runs[2] = {};       ///< down and across the kernel
  std::int64_t run = 0;            ///< inputs that lie together
  bool vectors_of_inputs = false;  ///< else of outputs
  bool joins_rows = false;         ///< the kernel's rows are done together, so that all need the same rows of the output
  bool has_border = false;         ///< the image is copied into a frame of zeros
  std::int64_t frame[2] = {};      ///< rows and columns of the image that is read
  std::int64_t first[2] = {};      ///< its place where the kernel starts for output 0, may be negative
  std::int64_t images = 1;         ///< in a block
  std::vector<Segment> segments;

  explicit Cut(const Convolution& convolution) : conv(convolution) {
    const bool is_dilated = conv.dilations[1] > 0 && conv.kernel[1] > 1;
    runs[0] = conv.kernel[0];
    runs[1] = is_dilated ? conv.kernel[1] : 1;
    run = conv.channels[0] * (is_dilated ? 1 : conv.kernel[1]);
    const std::int64_t unit = std::min(simd().lanes, 8);
    vectors_of_inputs = whole(run, unit) * conv.channels[1] < run * whole(conv.channels[1], unit);
    joins_rows = !vectors_of_inputs && run < kShortRun && runs[0] > 1;
    // Where the image has no frame, parts of runs are summed. As vectors they would end inside those of the next output.
    for (int i : {0, 1}) has_border |= reaches_over(i) && (joins_rows || (i == 1 && vectors_of_inputs));
    for (int i : {0, 1}) {
      const bool is_framed = has_border && (i == 1 || joins_rows);
      frame[i] = is_framed ? extent(i) : conv.input[i];
      first[i] = is_framed ? 0 : -conv.pads_begin[i];
    }
    images = std::max<std::int64_t>(1, kBlockPixels / (conv.output[0] * conv.output[1]));
    for (std::int64_t i = 0; i < runs[1]; ++i) add_segments(i);
  }
  void add_segments(std::int64_t run_index) {
    const std::size_t before = segments.size();
    for (std::int64_t column = 0; column < conv.output[1]; ++column) {
      const std::int64_t at = column_of(run_index, column), across = taps();
      const plan::Range met{std::clamp<std::int64_t>(-at, 0, across), std::clamp<std::int64_t>(frame[1] - at, 0, across)};
      if (met.size() <= 0) continue;
      const bool goes_on = segments.size() > before && segments.back().columns.end == column && segments.back().taps.begin == met.begin &&
                           segments.back().taps.end == met.end;
      if (!goes_on) segments.push_back({run_index, {column, column}, met, 1});
      segments.back().columns.end = column + 1;
    }
    for (std::size_t i = before; i < segments.size(); ++i) {
      segments[i].rows = std::clamp<std::int64_t>(kBlockPixels / segments[i].columns.size(), 1, conv.output[0]);
    }
  }
  /// Taps of a run.
  std::int64_t taps() const { return conv.kernel[1] / runs[1]; }
  /// Where a run starts for a column of the output.
  std::int64_t column_of(std::int64_t run_index, std::int64_t column) const {
    return column * conv.strides[1] + run_index * (conv.dilations[1] + 1) + first[1];
  }
  /// Places of the input, borders included, that the kernel reads.
  std::int64_t extent(int i) const { return (conv.output[i] - 1) * conv.strides[i] + (conv.kernel[i] - 1) * (conv.dilations[i] + 1) + 1; }
  bool reaches_over(int i) const { return conv.pads_begin[i] > 0 || extent(i) - conv.pads_begin[i] > conv.input[i]; }
  std::int64_t image() const { return frame[0] * frame[1] * conv.channels[0]; }
  std::int64_t sums_row() const { return whole(vectors_of_inputs ? run : conv.channels[1], simd().lanes); }
  std::int64_t sums_run() const { return sums_row() * (vectors_of_inputs ? conv.channels[1] : run); }
  std::int64_t sums() const { return runs[0] * runs[1] * sums_run(); }
};

/// Adds the products of rows [begin, end) of the output of some images, for kernel row p and the `joined` - 1 behind it.
void add_rows(const Cut& s, const Segment& part, const float* x, const float* dy, std::int64_t images, plan::Range rows, std::int64_t p,
              std::int64_t joined, float* sums) {
  const Convolution& conv = s.conv;
  const std::int64_t channels = conv.channels[0], row = s.frame[1] * channels, reach = conv.dilations[0] + 1;
  const std::int64_t down = rows.begin * conv.strides[0] + p * reach + s.first[0];
  const std::int64_t across = s.column_of(part.run, part.columns.begin) + part.taps.begin;
  const OuterSide inputs{x + down * row + across * channels, part.taps.size() * channels, s.image(), conv.strides[0] * row,
                         conv.strides[1] * channels};
  const OuterSide outputs{dy + (rows.begin * conv.output[1] + part.columns.begin) * conv.channels[1], conv.channels[1], conv.floats_out(),
                          conv.output[1] * conv.channels[1], conv.channels[1]};
  const bool swap = s.vectors_of_inputs;
  simd().outer({.a = swap ? outputs : inputs,
                .b = swap ? inputs : outputs,
                .images = images,
                .rows = rows.size(),
                .pixels = part.columns.size(),
                .sums = sums + (p * s.runs[1] + part.run) * s.sums_run() + part.taps.begin * channels * s.sums_row(),
                .sums_row = s.sums_row(),
                .groups = joined,
                .a_group = reach * row,
                .sums_group = s.runs[1] * s.sums_run()});
}

/// The rows of the output for which kernel row p meets the image.
plan::Range inside(const Cut& s, std::int64_t p, plan::Range rows) {
  const std::int64_t stride = s.conv.strides[0], at = p * (s.conv.dilations[0] + 1) + s.first[0];
  const std::int64_t begin = at < 0 ? (-at + stride - 1) / stride : 0;
  const std::int64_t end = at < s.frame[0] ? (s.frame[0] - 1 - at) / stride + 1 : 0;
  return {std::max(rows.begin, begin), std::min(rows.end, end)};
}

/// Writes an image inside its frame of zeros, which is there already.
void copy_inside(const Cut& s, const float* x, float* to) {
  const Convolution& conv = s.conv;
  const std::int64_t channels = conv.channels[0];
  const std::int64_t left = std::max<std::int64_t>(0, conv.pads_begin[1]), skipped = left - conv.pads_begin[1];
  const std::int64_t count = std::min(s.frame[1] - left, conv.input[1] - skipped);
  for (std::int64_t row = 0; row < s.frame[0]; ++row) {
    const std::int64_t from = row - conv.pads_begin[0] - s.first[0];
    if (from < 0 || from >= conv.input[0] || count <= 0) continue;
    std::memcpy(to + (row * s.frame[1] + left) * channels, x + (from * conv.input[1] + skipped) * channels,
                static_cast<std::size_t>(count * channels) * sizeof(float));
  }
}

/// Sums [run, outputs] or [outputs, run] to the order of the parameter. `strides`: of its axes, in floats.
void write_weights(const Cut& s, const float* sums, const std::int64_t (&strides)[4], float* dw) {
  constexpr std::int64_t kLine = 16;  // a cache line at a time
  const Convolution& conv = s.conv;
  const std::int64_t channels = conv.channels[0], across = conv.kernel[1] / s.runs[1];
  const std::int64_t output = s.vectors_of_inputs ? s.sums_row() : 1, input = s.vectors_of_inputs ? 1 : s.sums_row();
  const auto tap = [&](std::int64_t p, std::int64_t q) {
    return sums + (p * s.runs[1] + q / across) * s.sums_run() + q % across * channels * input;
  };
  if (output == 1 && strides[1] == 1) {  // inputs are neighbours there, outputs here
    for (std::int64_t p = 0; p < conv.kernel[0]; ++p) {
      for (std::int64_t q = 0; q < conv.kernel[1]; ++q) {
        float* to = dw + p * strides[2] + q * strides[3];
        for (std::int64_t c = 0; c < channels; c += kLine) {
          simd().transpose(tap(p, q) + c * input, input, to + c, strides[0], conv.channels[1], std::min(kLine, channels - c));
        }
      }
    }
    return;
  }
  for (std::int64_t first = 0; first < conv.channels[1]; first += kLine) {
    const std::int64_t count = std::min(kLine, conv.channels[1] - first);
    for (std::int64_t c = 0; c < channels; ++c) {
      for (std::int64_t p = 0; p < conv.kernel[0]; ++p) {
        for (std::int64_t q = 0; q < conv.kernel[1]; ++q) {
          const float* from = tap(p, q) + c * input + first * output;
          float* to = dw + first * strides[0] + c * strides[1] + p * strides[2] + q * strides[3];
          for (std::int64_t o = 0; o < count; ++o) to[o * strides[0]] = from[o * output];
        }
      }
    }
  }
}

struct OuterKernel {
  Cut cut;
  bool shared = false;  ///< each lane sums its rows of the output of every image
  Operand x, dy, dw, db, scratch;
  std::int64_t strides[4] = {};

  void operator()(const Lane& lane) const {
    const Convolution& conv = cut.conv;
    float* sums = scratch.own(lane);
    float* copies = sums + whole(cut.sums(), 16);
    float* bias = db ? db.own(lane) : nullptr;
    const std::int64_t count = (shared ? lane.total_rows : lane.rows) * conv.rows_per_row;
    const plan::Range share = shared ? plan::slice_of(conv.output[0], lane) : plan::Range{0, conv.output[0]};
    const float *in = shared ? x.all(lane) : x.rows(lane), *gradients = shared ? dy.all(lane) : dy.rows(lane);
    if (lane.is_first) {
      std::fill(sums, sums + cut.sums(), 0.0F);
      if (bias != nullptr) std::fill(bias, bias + conv.channels[1], 0.0F);
      if (cut.has_border) std::fill(copies, copies + std::min(cut.images, count) * cut.image(), 0.0F);
    }
    for (std::int64_t image = 0; image < count; image += cut.images) {
      add_images(in + image * conv.floats_in(), gradients + image * conv.floats_out(), std::min(cut.images, count - image), share, copies,
                 sums, bias);
    }
    if (lane.is_last) write_weights(cut, sums, strides, dw.own(lane));
  }
  void add_images(const float* in, const float* gradients, std::int64_t images, plan::Range share, float* copies, float* sums,
                  float* bias) const {
    const Convolution& conv = cut.conv;
    const std::int64_t outputs = conv.output[0] * conv.output[1], channels = conv.channels[1];
    if (bias != nullptr && !shared) simd().sum_rows(gradients, images * outputs, channels, bias);
    for (std::int64_t i = 0; bias != nullptr && shared && i < images; ++i) {
      const float* first = gradients + (i * outputs + share.begin * conv.output[1]) * channels;
      simd().sum_rows(first, share.size() * conv.output[1], channels, bias);
    }
    if (cut.has_border) {
      for (std::int64_t i = 0; i < images; ++i) copy_inside(cut, in + i * conv.floats_in(), copies + i * cut.image());
      in = copies;
    }
    for (const Segment& part : cut.segments) {
      for (std::int64_t row = share.begin; row < share.end; row += part.rows) {
        add_block(part, in, gradients, images, {row, std::min(row + part.rows, share.end)}, sums);
      }
    }
  }
  void add_block(const Segment& part, const float* in, const float* gradients, std::int64_t images, plan::Range rows, float* sums) const {
    if (cut.joins_rows) return add_rows(cut, part, in, gradients, images, rows, 0, cut.runs[0], sums);
    for (std::int64_t p = 0; p < cut.runs[0]; ++p) {
      const plan::Range met = inside(cut, p, rows);
      if (met.size() > 0) add_rows(cut, part, in, gradients, images, met, p, 1, sums);
    }
  }
};

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  OuterKernel kernel{.cut = Cut(convolution_of(node, node.input_shape(1), node.output_shape(0), node.input_shape(0)))};
  kernel.shared = shares_rows(emit, kernel.cut.conv, kernel.cut.conv.output[0]);
  kernel.cut.images = std::min(kernel.cut.images, (kernel.shared ? emit.capacity() : emit.lane_capacity()) * kernel.cut.conv.rows_per_row);
  kernel.x = emit.in(1);
  kernel.dy = emit.in(0);
  kernel.dw = emit.partial_out(0);
  if (node.outputs().size() > 1) kernel.db = emit.partial_out(1);
  const auto strides = ir::strides_of(node.output_shape(0), ir::order_of(*node.output(0)));
  std::copy(strides.begin(), strides.end(), kernel.strides);
  const std::int64_t copies = kernel.cut.has_border ? kernel.cut.images * kernel.cut.image() : 0;
  kernel.scratch = emit.scratch((whole(kernel.cut.sums(), 16) + copies) * 4, true);

  std::vector<plan::Use> extra = {plan::writes(kernel.dw, Access::own), plan::writes(kernel.scratch, Access::own)};
  if (kernel.db) extra.push_back(plan::writes(kernel.db, Access::own));
  kernel.shared ? emit.shared_rows(kernel, std::move(extra)) : emit.summed_rows(kernel, std::move(extra));
}

std::string refuses(const ir::Node& node) {
  if (node.integer("group") != 1) return "several groups";
  if (node.output_shape(0).elements_per_row() > kMostOuterWeights) return "so many weights that blocks of them pay";
  for (const std::size_t i : {0, 1}) {
    std::string reason = refuses_unless_channels_last(*node.input(i));
    if (!reason.empty()) return reason;
  }
  return {};
}

}  // namespace

Kernels outer_convolution_kernels() { return {{"ConvGradWeight", "conv_grad_weight:outer", refuses, prepare}}; }

}  // namespace n2d2::cpu
