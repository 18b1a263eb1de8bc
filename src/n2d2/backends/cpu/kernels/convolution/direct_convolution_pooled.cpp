// Direct convolutions with a max-pool by windows of 2x2 behind them, whose outputs never leave the registers.
#include "n2d2/backends/cpu/kernels/convolution/direct_convolution.h"
#include "n2d2/backends/cpu/kernels/scratch.h"

namespace n2d2::cpu {

std::int64_t DirectConvolution::scratch_bytes_pooled() const {
  return scratch_bytes() + (is_for_windows() ? whole_lines(windows_task().scratch_floats() * 4) : 0);
}

/// Whether output channels would leave enough lanes empty, and the inputs are used often enough, that lanes for windows pay.
bool DirectConvolution::is_for_windows() const {
  constexpr std::int64_t kMostInputs = 8;
  constexpr std::size_t kLeastTaps = 9;
  const Part& part = parts_[0];
  if (winograd_ || in_step_[0] != 1 || in_step_[1] != 1 || channels_ > ConvWindowsTask::kMostChannels || inputs_ > kMostInputs)
    return false;
  if (part.tap_floats.size() < kLeastTaps) return false;
  for (std::size_t i = 0; i < part.runs.size(); ++i) {  // one run per row of the kernel, and no row between them
    if (part.runs[i] != static_cast<std::int64_t>(i) * image_.row_floats()) return false;
  }
  return true;
}

/// Of an image; pointers are missing.
ConvWindowsTask DirectConvolution::windows_task() const {
  const auto kernel_rows = static_cast<std::int64_t>(parts_[0].runs.size());
  return {.x_row = image_.row_floats(),
          .inputs = inputs_,
          .kernel = {kernel_rows, parts_[0].run_floats / inputs_},
          .rows = out_[0] / 2,
          .columns = out_[1] / 2,
          .channels = channels_};
}

void DirectConvolution::pooled(const float* x, const float* weights, const float* weight, const float* bias, bool relu, std::int64_t images,
                               plan::Range rows, float* y, std::uint8_t* argmax, void* scratch) const {
  const std::int64_t y_row = out_[1] / 2 * channels_, y_image = out_[0] / 2 * y_row;
  if (winograd_) {
    const plan::Range wanted{2 * rows.begin, 2 * rows.end};
    WinogradConvolution::Task task = winograd_task(x, weights, bias, relu, images, wanted, y + rows.begin * y_row, scratch);
    task.argmax = argmax + rows.begin * y_row;
    task.taps = weights_of(parts_[0], weight);
    task.y_row = y_row;
    task.y_image = y_image;
    return winograd_.run(task);
  }
  clear(scratch);
  for (std::int64_t i = 0; i < images; ++i) {
    const std::int64_t at = i * y_image + rows.begin * y_row;
    pooled_image(image(x + i * image_floats(), scratch), weights, bias, relu, rows, y + at, argmax + at, scratch);
  }
}

/// `y` and `argmax` begin with the first of the rows.
void DirectConvolution::pooled_image(const float* image, const float* weights, const float* bias, bool relu, plan::Range rows, float* y,
                                     std::uint8_t* argmax, void* scratch) const {
  const std::int64_t y_row = out_[1] / 2 * channels_;
  image += 2 * rows.begin * in_step_[0] * image_.row_floats();
  if (is_for_windows()) {
    ConvWindowsTask task = windows_task();
    task.rows = rows.size();
    task.x = image;
    task.weights = weights;
    task.bias = bias;
    task.relu = relu;
    task.y = y;
    task.argmax = argmax;
    task.scratch = reinterpret_cast<float*>(static_cast<char*>(scratch) + image_.bytes());
    return simd().conv.run_windows(task);
  }
  const Part& part = parts_[0];
  simd().conv.run_pooled({.x = image,
                          .x_row = in_step_[0] * image_.row_floats(),
                          .x_step = in_step_[1] * inputs_,
                          .runs = part.runs.data(),
                          .run_count = static_cast<std::int64_t>(part.runs.size()),
                          .run_floats = part.run_floats,
                          .weights = weights,
                          .bias = bias,
                          .relu = relu,
                          .y = y,
                          .y_row = y_row,
                          .y_step = channels_,
                          .rows = 2 * rows.size(),
                          .columns = out_[1],
                          .channels = channels_},
                         argmax);
}

}  // namespace n2d2::cpu
