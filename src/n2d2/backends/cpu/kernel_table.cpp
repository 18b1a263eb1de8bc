#include "n2d2/backends/cpu/kernel_table.h"

#include "n2d2/backends/cpu/kernels/kernels.h"

namespace n2d2::cpu {

const std::vector<plan::KernelEntry>& kernel_table() {
  static const std::vector<plan::KernelEntry> table = [] {
    std::vector<plan::KernelEntry> all;
    for (const auto family : {depthwise_kernels,
                              winograd_strided_grad_input_kernels,
                              direct_convolution_kernels,
                              convolution_pool_kernels,
                              winograd_grad_weight_kernels,
                              winograd_strided_grad_weight_kernels,
                              outer_convolution_kernels,
                              convolution_kernels,
                              sparse_grad_weight_kernels,
                              sparse_grad_input_kernels,
                              gemm_kernels,
                              matmul_kernels,
                              eltwise_kernels,
                              binary_kernels,
                              pool_kernels,
                              average_pool_kernels,
                              batch_normalization_kernels,
                              layer_normalization_kernels,
                              group_normalization_kernels,
                              resample_kernels,
                              softmax_kernels,
                              dropout_kernels,
                              random_normal_kernels,
                              transpose_kernels,
                              concat_kernels,
                              slice_kernels,
                              reduce_kernels,
                              reduce_choice_kernels,
                              loss_kernels,
                              accumulate_kernels,
                              gather_kernels,
                              integer_kernels,
                              recurrent_kernels}) {
      for (plan::KernelEntry& kernel : family()) all.push_back(std::move(kernel));
    }
    return all;
  }();
  return table;
}

}  // namespace n2d2::cpu
