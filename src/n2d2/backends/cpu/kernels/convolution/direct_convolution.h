// How our own convolutions walk over an image: shared by Conv, ConvRelu, ConvMaxPool and the gradient of the input.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/kernels/convolution/convolution.h"
#include "n2d2/backends/cpu/kernels/convolution/padded_image.h"
#include "n2d2/backends/cpu/kernels/convolution/winograd_convolution.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// One image after the other, from a copy with zeros around it where taps reach beyond the borders.
class DirectConvolution {
 public:
  /// Outputs of a convolution; `rows` x `columns` of them from the top left are wanted. `for_pooled`: by pooled() only.
  static DirectConvolution forward(const Convolution& conv, const ir::Value& weight, std::int64_t rows, std::int64_t columns,
                                   bool for_pooled = false);
  /// The gradient of the convolution's input from that of its output. `large_tiles`: see WinogradConvolution.
  static DirectConvolution input_gradient(const Convolution& conv, const ir::Value& weight, bool large_tiles);

  /// Packs the weights, input `index` of the node, in every training forward.
  plan::Operand pack(plan::Emitter& emit, std::size_t index) const;
  std::int64_t scratch_bytes() const;
  std::int64_t scratch_bytes_pooled() const;
  /// Once before the images of a run: sets the borders of the copy to zero.
  void clear(void* scratch) const { image_.clear(scratch); }
  /// The image as rows() reads it.
  const float* image(const float* x, void* scratch) const { return image_.fill(x, scratch); }
  /// Rows of outputs begin and end at multiples of this, so that an output has the same bits whatever rows are made with it.
  std::int64_t step() const { return winograd_ ? winograd_.step() : 2; }
  /// Output rows [first, first + count) to `y`, where row `first` begins.
  void rows(const float* image, const float* weights, const float* bias, bool relu, std::int64_t first, std::int64_t count, float* y,
            void* scratch) const;
  /// Rows of a max-pool behind them by windows of 2x2, both extents being even; `y` and `argmax` begin with row 0 of the first image.
  /// `weight`: that pack() packed.
  void pooled(const float* x, const float* weights, const float* weight, const float* bias, bool relu, std::int64_t images,
              plan::Range rows, float* y, std::uint8_t* argmax, void* scratch) const;
  /// All rows of `images` images.
  void run(const float* x, const float* weights, const float* bias, bool relu, std::int64_t images, float* y, void* scratch) const;
  /// Into how many parts run_share() can cut an image.
  std::int64_t pieces() const { return is_one_row() ? out_[0] * out_[1] : (out_[0] + step() - 1) / step(); }
  /// Of each image the lane's share.
  void run_share(const plan::Lane& lane, const float* x, const float* weights, const float* bias, bool relu, std::int64_t images, float* y,
                 void* scratch) const;

 private:
  /// Outputs whose row and column have the same remainders by the stride: their inputs lie under the same taps.
  struct Part {
    std::array<std::int64_t, 2> first{};   ///< output row and column
    std::vector<std::int64_t> runs;        ///< see ConvTask
    std::vector<std::int64_t> tap_floats;  ///< first weight of each tap, in the order of the runs
    std::int64_t run_floats = 0;
    std::int64_t weight_floats = 0;  ///< packed

    /// Sums of so many terms are made in parts; those of very short runs are not, where that would cost as much as the products.
    bool is_long() const { return run_floats >= 16 && static_cast<std::int64_t>(runs.size()) * run_floats > 512; }
  };
  DirectConvolution() = default;
  void add_part(const std::vector<std::int64_t>& rows, const std::vector<std::int64_t>& columns, std::array<std::int64_t, 2> first,
                const std::vector<std::int64_t>& tap_floats);
  bool is_for_windows() const;
  ConvWindowsTask windows_task() const;
  WinogradConvolution::Task winograd_task(const float* x, const float* weights, const float* bias, bool relu, std::int64_t images,
                                          plan::Range rows, float* y, void* scratch) const;
  void finish(bool large_tiles);
  bool is_one_row() const;
  ConvWeights weights_of(const Part& part, const float* weight) const;
  std::int64_t image_floats() const { return image_.extent[0] * image_.extent[1] * inputs_; }
  void pooled_image(const float* image, const float* weights, const float* bias, bool relu, plan::Range rows, float* y,
                    std::uint8_t* argmax, void* scratch) const;
  void rows_of_all(const float* x, const float* weights, const float* bias, bool relu, std::int64_t images, plan::Range wanted, float* y,
                   void* scratch) const;
  void row_of_all(const float* x, const float* weights, const float* bias, bool relu, plan::Range outputs, float* y) const;

  std::int64_t inputs_ = 0, channels_ = 0;    ///< channels of what is read and made
  PaddedImage image_;                         ///< what is read
  std::int64_t out_[2] = {};                  ///< extents of what is made
  std::int64_t in_step_[2] = {1, 1};          ///< rows and columns of the input from one output of a part to the next
  std::int64_t out_step_[2] = {1, 1};         ///< and of the output
  std::int64_t weight_k_ = 0, weight_m_ = 0;  ///< floats between weights of neighbouring inputs and outputs
  std::vector<Part> parts_;
  WinogradConvolution winograd_;
};

/// Why our own convolutions cannot run a node, or an empty text.
std::string refuses_direct(const ir::Node& node);

}  // namespace n2d2::cpu
