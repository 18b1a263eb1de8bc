// Direct convolutions: what simd/conv.cpp offers.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// Some rows of the output of a convolution over channels-last images, without borders: every input under every tap exists.
/// Inputs under the kernel come in runs that lie together in memory; all runs have the same length.
struct ConvTask {
  static constexpr std::int64_t kPart = 64;  ///< see in_parts

  const float* x = nullptr;            ///< the input that belongs to output (0, 0)
  std::int64_t x_row = 0;              ///< floats between the inputs of output rows
  std::int64_t x_step = 0;             ///< floats between the inputs of output columns
  const std::int64_t* runs = nullptr;  ///< first float of each run, from the input of the output
  std::int64_t run_count = 0;
  std::int64_t run_floats = 0;
  bool in_parts = false;           ///< each run is summed in parts of at most kPart floats: errors grow with the length of a sum
  const float* weights = nullptr;  ///< as ConvBodies::pack wrote them
  const float* bias = nullptr;     ///< one per output channel, or null
  bool relu = false;
  float* y = nullptr;
  std::int64_t y_row = 0, y_step = 0;  ///< floats between output rows and columns; channels are neighbours
  std::int64_t rows = 0, columns = 0, channels = 0;
};

/// Weights as they lie in memory: that of tap t from input k to output channel m is first[taps[t] + k * k_step + m * m_step].
struct ConvWeights {
  const float* first = nullptr;
  const std::int64_t* taps = nullptr;
  std::int64_t tap_count = 0;
  std::int64_t k_step = 0, m_step = 0;
  std::int64_t inputs = 0, channels = 0;
};

/// An image's convolution of few channels by steps of one, without borders, and the max-pool by windows of 2x2 behind it.
struct ConvWindowsTask {
  static constexpr std::int64_t kMostChannels = 6;        ///< that are made
  static constexpr std::int64_t kBandFloats = 16 * 1024;  ///< of the scratch for rows of windows that are done together, about
  static constexpr std::int64_t kSlack = 32;              ///< floats behind an array that whole vectors may read

  const float* x = nullptr;  ///< [2 * rows + kernel - 1, ..., inputs]
  std::int64_t x_row = 0;    ///< floats of a row
  std::int64_t inputs = 0;
  std::int64_t kernel[2] = {};
  const float* weights = nullptr;  ///< as ConvBodies::pack wrote them
  const float* bias = nullptr;     ///< one per output channel, or null
  bool relu = false;
  std::int64_t rows = 0, columns = 0, channels = 0;  ///< of y, in windows
  float* y = nullptr;                                ///< [rows, columns, channels]
  std::uint8_t* argmax = nullptr;                    ///< of the same shape
  float* scratch = nullptr;

  /// Rows of windows that are done together.
  std::int64_t band() const {
    const std::int64_t fits = kBandFloats / (2 * (kernel[1] + 1) * inputs * columns) - kernel[0] / 2;
    return fits < 1 ? 1 : fits < rows ? fits : rows;
  }
  /// Floats for an input of every window of a band, and of the rows of the kernel below it.
  std::int64_t plane_floats() const { return (band() + kernel[0] / 2) * columns + kSlack; }
  std::int64_t scratch_floats() const {
    const std::int64_t planes = 2 * (kernel[1] + 1) * inputs * plane_floats();
    return planes + (2 * band() + kernel[0] - 1) * x_row + 2 * kSlack;
  }
};

struct ConvBodies {
  /// Every output is one chain of multiply-adds over the runs, in order, from the bias; in parts, a chain for each part.
  void (*run)(const ConvTask& task) = nullptr;
  /// The same, always in one chain, with a max-pool by windows of 2x2 behind it, which say in `argmax` from which place a value comes.
  /// `rows` and `columns`, of the convolution, are even; y_row and y_step are floats of y, and bytes of argmax, between windows.
  void (*run_pooled)(const ConvTask& task, std::uint8_t* argmax) = nullptr;
  /// The same for few channels of inputs and outputs: the bits of run_pooled.
  void (*run_windows)(const ConvWindowsTask& task) = nullptr;
  /// Writes output channels [first, end), which are whole panels, of `packed`: panels of [tap, input, channel], missing channels zero.
  void (*pack)(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) = nullptr;
  /// Floats that pack() writes for all channels; `inputs` of all taps.
  std::int64_t (*packed_floats)(std::int64_t inputs, std::int64_t channels) = nullptr;
  /// Output channels of a panel; the last one may be narrower.
  std::int64_t (*panel)(std::int64_t channels) = nullptr;
};

}  // namespace n2d2::cpu
