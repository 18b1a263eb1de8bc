#include "n2d2/backends/cpu/kernels/convolution/direct_convolution.h"

#include <algorithm>

#include "n2d2/backends/cpu/kernels/scratch.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

}  // namespace

DirectConvolution DirectConvolution::forward(const Convolution& conv, const ir::Value& weight, std::int64_t rows, std::int64_t columns,
                                             bool for_pooled) {
  DirectConvolution direct;
  const auto strides = ir::strides_of(weight.shape(), ir::order_of(weight));
  direct.inputs_ = direct.image_.channels = conv.channels[0];
  direct.channels_ = conv.channels[1];
  direct.out_[0] = rows;
  direct.out_[1] = columns;
  direct.weight_k_ = strides[1];
  direct.weight_m_ = strides[0];
  std::vector<std::int64_t> at[2], tap_floats;
  for (int axis = 0; axis < 2; ++axis) {
    direct.image_.extent[axis] = conv.input[axis];
    direct.in_step_[axis] = conv.strides[axis];
    direct.image_.before[axis] = conv.pads_begin[axis];
    const std::int64_t dilation = conv.dilations[axis] + 1;
    for (std::int64_t tap = 0; tap < conv.kernel[axis]; ++tap) at[axis].push_back(tap * dilation);
    const std::int64_t end = (direct.out_[axis] - 1) * conv.strides[axis] + (conv.kernel[axis] - 1) * dilation + 1;
    direct.image_.padded[axis] = std::max(conv.input[axis] + conv.pads_begin[axis], end);
  }
  for (std::int64_t p = 0; p < conv.kernel[0]; ++p) {
    for (std::int64_t q = 0; q < conv.kernel[1]; ++q) tap_floats.push_back(p * strides[2] + q * strides[3]);
  }
  direct.add_part(at[0], at[1], {0, 0}, tap_floats);
  direct.finish(for_pooled);
  return direct;
}

DirectConvolution DirectConvolution::input_gradient(const Convolution& conv, const ir::Value& weight, bool large_tiles) {
  DirectConvolution direct;
  const auto strides = ir::strides_of(weight.shape(), ir::order_of(weight));
  direct.inputs_ = direct.image_.channels = conv.channels[1];
  direct.channels_ = conv.channels[0];
  direct.weight_k_ = strides[0];
  direct.weight_m_ = strides[1];
  // Input row h is under tap p of output row o when h = o * stride - pad + p * dilation.
  struct Tap {
    std::int64_t index, output;
  };
  std::vector<std::vector<Tap>> taps[2];  // by axis and remainder, outputs ascending
  for (int axis = 0; axis < 2; ++axis) {
    direct.image_.extent[axis] = conv.output[axis];
    direct.out_[axis] = conv.input[axis];
    direct.out_step_[axis] = conv.strides[axis];
    std::int64_t least = 0, most = conv.output[axis] - 1;
    for (std::int64_t rest = 0; rest < std::min(conv.strides[axis], conv.input[axis]); ++rest) {
      std::vector<Tap>& found = taps[axis].emplace_back();
      const std::int64_t places = (conv.input[axis] - rest + conv.strides[axis] - 1) / conv.strides[axis];
      for (std::int64_t tap = conv.kernel[axis] - 1; tap >= 0; --tap) {
        const std::int64_t from = rest + conv.pads_begin[axis] - tap * (conv.dilations[axis] + 1);
        if (floor_div(from, conv.strides[axis]) * conv.strides[axis] != from) continue;
        found.push_back({tap, floor_div(from, conv.strides[axis])});
        least = std::min(least, found.back().output);
        most = std::max(most, found.back().output + places - 1);
      }
    }
    direct.image_.before[axis] = -least;
    direct.image_.padded[axis] = most + 1 - least;
  }
  for (std::size_t i = 0; i < taps[0].size(); ++i) {
    for (std::size_t j = 0; j < taps[1].size(); ++j) {
      std::vector<std::int64_t> rows, columns, tap_floats;
      for (const Tap& p : taps[0][i]) rows.push_back(p.output + direct.image_.before[0]);
      for (const Tap& q : taps[1][j]) columns.push_back(q.output + direct.image_.before[1]);
      for (const Tap& p : taps[0][i]) {
        for (const Tap& q : taps[1][j]) tap_floats.push_back(p.index * strides[2] + q.index * strides[3]);
      }
      direct.add_part(rows, columns, {static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)}, tap_floats);
    }
  }
  direct.finish(large_tiles);
  return direct;
}

void DirectConvolution::add_part(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns,
                                 std::array<std::int64_t, 2> first, const std::vector<std::int64_t>& tap_floats) {
  Part part;
  part.first = first;
  part.tap_floats = tap_floats;
  bool adjacent = !columns.empty();
  for (std::size_t i = 1; i < columns.size(); ++i) adjacent = adjacent && columns[i] == columns[i - 1] + 1;
  part.run_floats = inputs_ * (adjacent ? static_cast<std::int64_t>(columns.size()) : 1);
  for (const std::int64_t at : rows) {
    for (std::size_t i = 0; i < (adjacent ? 1 : columns.size()); ++i) part.runs.push_back(at * image_.row_floats() + columns[i] * inputs_);
  }
  const std::int64_t inputs = static_cast<std::int64_t>(tap_floats.size()) * inputs_;
  part.weight_floats = (simd().conv.packed_floats(inputs, channels_) + 15) / 16 * 16;
  parts_.push_back(std::move(part));
}

/// Decides between the algorithms.
void DirectConvolution::finish(bool large_tiles) {
  const bool taps_of_winograd = parts_.size() == 1 && parts_[0].tap_floats.size() == 9 && parts_[0].runs.size() == 3 &&
                                parts_[0].run_floats == 3 * inputs_ && in_step_[0] == 1 && in_step_[1] == 1 && parts_[0].runs[0] == 0 &&
                                parts_[0].runs[1] == image_.row_floats() && parts_[0].runs[2] == 2 * image_.row_floats();
  if (!taps_of_winograd) return;
  WinogradImage image{.channels = inputs_};
  std::copy(image_.extent, image_.extent + 2, image.extent);
  std::copy(image_.before, image_.before + 2, image.before);
  winograd_ = {image, channels_, out_, large_tiles};
  if (!winograd_) return;
  for (int axis = 0; axis < 2; ++axis) {  // tiles look after borders themselves
    image_.before[axis] = 0;
    image_.padded[axis] = image_.extent[axis];
  }
  parts_[0].weight_floats = winograd_.weight_floats();
}

std::int64_t DirectConvolution::scratch_bytes() const {
  std::int64_t bytes = image_.bytes();
  if (winograd_) bytes += whole_lines(winograd_.scratch_floats() * 4);
  return bytes;
}

ConvWeights DirectConvolution::weights_of(const Part& part, const float* weight) const {
  return {.first = weight,
          .taps = part.tap_floats.data(),
          .tap_count = static_cast<std::int64_t>(part.tap_floats.size()),
          .k_step = weight_k_,
          .m_step = weight_m_,
          .inputs = inputs_,
          .channels = channels_};
}

plan::Operand DirectConvolution::pack(plan::Emitter& emit, std::size_t index) const {
  const auto direct = std::make_shared<DirectConvolution>(*this);
  std::int64_t floats = 0;
  for (const Part& part : parts_) floats += part.weight_floats;
  const plan::Operand weight = emit.in(index), packed = emit.packed(floats * 4);
  const auto run = [=](const plan::Lane& lane) {
    const plan::Range slice = plan::slice_of(direct->channels_, lane, simd().conv.panel(direct->channels_));
    float* to = packed.all(lane);
    for (const Part& part : direct->parts_) {
      const ConvWeights weights = direct->weights_of(part, weight.all(lane));
      if (direct->winograd_) {
        direct->winograd_.pack(weights, slice.begin, slice.end, to);
      } else {
        simd().conv.pack(weights, slice.begin, slice.end, to);
      }
      to += part.weight_floats;
    }
  };
  emit.pack(weight, packed, run, true);
  return packed;
}

/// `y`: the first of the rows, of an output.
WinogradConvolution::Task DirectConvolution::winograd_task(const float* x, const float* weights, const float* bias, bool relu,
                                                           std::int64_t images, plan::Range rows, float* y, void* scratch) const {
  return {.weights = weights,
          .bias = bias,
          .relu = relu,
          .x = x,
          .images = images,
          .rows = rows,
          .y = y,
          .y_row = out_[1] * channels_,
          .y_image = out_[0] * out_[1] * channels_,
          .scratch = static_cast<float*>(scratch)};
}

void DirectConvolution::rows(const float* image, const float* weights, const float* bias, bool relu, std::int64_t first, std::int64_t count,
                             float* y, void* scratch) const {
  const std::int64_t row_floats = image_.row_floats();
  if (winograd_) return winograd_.run(winograd_task(image, weights, bias, relu, 1, {first, first + count}, y, scratch));
  ConvTask task{.x_row = in_step_[0] * row_floats,
                .x_step = in_step_[1] * inputs_,
                .bias = bias,
                .relu = relu,
                .y_row = out_step_[0] * out_[1] * channels_,
                .y_step = out_step_[1] * channels_,
                .channels = channels_};
  for (const Part& part : parts_) {
    // Rows of this part among the wanted ones.
    const std::int64_t begin = first <= part.first[0] ? 0 : (first - part.first[0] + out_step_[0] - 1) / out_step_[0];
    const std::int64_t end = (first + count - part.first[0] + out_step_[0] - 1) / out_step_[0];
    task.rows = end - begin;
    task.columns = (out_[1] - part.first[1] + out_step_[1] - 1) / out_step_[1];
    task.x = image + begin * task.x_row;
    task.runs = part.runs.data();
    task.run_count = static_cast<std::int64_t>(part.runs.size());
    task.run_floats = part.run_floats;
    task.in_parts = part.is_long();
    task.weights = weights;
    task.y = y + ((begin * out_step_[0] + part.first[0] - first) * out_[1] + part.first[1]) * channels_;
    if (task.rows > 0) simd().conv.run(task);
    weights += part.weight_floats;
  }
}

/// Whether all outputs of all images lie in one row, each at the same distance: pointwise, or one output per image.
bool DirectConvolution::is_one_row() const {
  if (image_.is_needed() || winograd_ || parts_.size() != 1 || out_step_[0] != 1 || out_step_[1] != 1) return false;
  const bool pointwise = parts_[0].tap_floats.size() == 1 && in_step_[0] == 1 && in_step_[1] == 1 && image_.extent[0] == out_[0] &&
                         image_.extent[1] == out_[1];
  return pointwise || (out_[0] == 1 && out_[1] == 1);
}

void DirectConvolution::row_of_all(const float* x, const float* weights, const float* bias, bool relu, plan::Range outputs,
                                   float* y) const {
  const std::int64_t x_step = image_.floats() / (out_[0] * out_[1]);
  const Part& part = parts_[0];
  simd().conv.run({.x = x + outputs.begin * x_step,
                   .x_step = x_step,
                   .runs = part.runs.data(),
                   .run_count = static_cast<std::int64_t>(part.runs.size()),
                   .run_floats = part.run_floats,
                   .in_parts = part.is_long(),
                   .weights = weights,
                   .bias = bias,
                   .relu = relu,
                   .y = y + outputs.begin * channels_,
                   .y_step = channels_,
                   .rows = 1,
                   .columns = outputs.size(),
                   .channels = channels_});
}

/// Rows `wanted` of every image; `y` begins with row 0 of the first one.
void DirectConvolution::rows_of_all(const float* x, const float* weights, const float* bias, bool relu, std::int64_t images,
                                    plan::Range wanted, float* y, void* scratch) const {
  const std::int64_t y_row = out_[1] * channels_, y_image = out_[0] * y_row;
  y += wanted.begin * y_row;
  if (winograd_) return winograd_.run(winograd_task(x, weights, bias, relu, images, wanted, y, scratch));
  clear(scratch);
  for (std::int64_t i = 0; i < images; ++i) {
    rows(image(x + i * image_floats(), scratch), weights, bias, relu, wanted.begin, wanted.size(), y + i * y_image, scratch);
  }
}

void DirectConvolution::run(const float* x, const float* weights, const float* bias, bool relu, std::int64_t images, float* y,
                            void* scratch) const {
  if (is_one_row()) return row_of_all(x, weights, bias, relu, {0, images * out_[0] * out_[1]}, y);
  rows_of_all(x, weights, bias, relu, images, {0, out_[0]}, y, scratch);
}

void DirectConvolution::run_share(const plan::Lane& lane, const float* x, const float* weights, const float* bias, bool relu,
                                  std::int64_t images, float* y, void* scratch) const {
  if (is_one_row()) return row_of_all(x, weights, bias, relu, plan::slice_of(images * out_[0] * out_[1], lane), y);
  const plan::Range share = plan::slice_of(out_[0], lane, step());
  if (share.size() > 0) rows_of_all(x, weights, bias, relu, images, share, y, scratch);
}

std::string refuses_direct(const ir::Node& node) {
  if (node.integer("group") != 1) return "more than one group";
  const std::string reason = refuses_unless_channels_last(*node.input(0));
  return reason.empty() ? refuses_unless_channels_last(*node.output()) : reason;
}

}  // namespace n2d2::cpu
