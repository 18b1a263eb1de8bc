// What the kernels of Conv and its gradients share: the geometry as oneDNN wants it.
#pragma once
#include <algorithm>

#include "n2d2/backends/cpu/kernels/convolution/onednn.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

/// Of a convolution whose weight gradient is summed by tiles of our own, chunk by chunk: beyond, the sums leave the caches between
/// blocks, and oneDNN is faster.
constexpr std::int64_t kMostOuterWeights = 1 << 20;

/// A convolution in two or three dimensions: activations channels-last, weights in the order of their value.
struct Convolution {
  const ir::Value* x = nullptr;  ///< logical [N,C,H,W] or [N,C,D,H,W]; null for the gradient of the input
  int axes = 2;                  ///< of the image
  std::int64_t group = 1;
  std::int64_t channels[2] = {};  ///< of input and output
  std::int64_t input[3] = {};     ///< depth if there are three axes, height, width
  std::int64_t output[3] = {};
  std::int64_t kernel[3] = {};
  dnnl_dims_t strides = {}, dilations = {}, pads_begin = {}, pads_end = {};
  std::int64_t read[3] = {};  ///< of the input; what is behind that no window reaches
  bool has_bias = false;
  std::int64_t rows_per_row = 1;  ///< rows of the activations per row of the batch

  std::int64_t floats_in() const { return channels[0] * places(input); }
  std::int64_t floats_out() const { return channels[1] * places(output); }
  std::int64_t places(const std::int64_t (&extents)[3]) const { return extents[0] * extents[1] * (axes == 3 ? extents[2] : 1); }
  onednn::Desc desc_in(std::int64_t rows) const;
  onednn::Desc desc_out(std::int64_t rows) const;
  onednn::Desc desc_bias() const;
  /// Dims of the weights: [M, C/group, kernel...], with the group in front when there are several.
  onednn::Dims weight_dims() const;
  /// The weights as they lie in memory in `value`, whose logical shape is [M, C/group, kernel...].
  onednn::Desc desc_weight(const ir::Value& value) const;
  onednn::PrimitiveDesc forward(std::int64_t rows, const onednn::Desc& weight) const;
  onednn::PrimitiveDesc backward_input(std::int64_t rows, const onednn::Desc& weight) const;
  onednn::PrimitiveDesc backward_weight(std::int64_t rows, const onednn::Desc& weight) const;
};

/// `x`, `w`, `y`: shapes of input, weight and output of the convolution.
Convolution convolution_of(const ir::Node& node, const Shape& x, const Shape& w, const Shape& y);

/// Whether lanes share out every row of the batch: there are few, each can be cut into enough pieces, and the work pays for two barriers.
bool shares_rows(const plan::Emitter& emit, const Convolution& conv, std::int64_t pieces);

/// Where a kernel finds its weights: in the parameter itself, or in a copy in the format of its primitives.
struct PackedWeight {
  plan::Operand operand;
  onednn::Desc desc;
};
/// `chosen` is the format the largest primitive wants.
PackedWeight pack_weight(plan::Emitter& emit, std::size_t input, const onednn::Desc& own, const onednn::Desc& chosen);

/// Writes the gradients of 3x3 taps, each [input, output] with `row` floats from input to input, in the order of the parameter, whose axes
/// are `strides` floats apart.
void write_taps(const float* const (&taps)[9], const Convolution& conv, std::int64_t row, const std::int64_t (&strides)[4], float* to);

/// Why activations of this order cannot be used, or an empty text.
std::string refuses_order(const ir::Value& value);
/// Why activations cannot be used, or an empty text: they must be images in two dimensions for our own kernels, and channels-last.
std::string refuses_unless_channels_last(const ir::Value& value);

}  // namespace n2d2::cpu
