// The kernel families of the CPU backend; kernel_table.cpp puts them in one list.
#pragma once
#include <vector>

#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

using Kernels = std::vector<plan::KernelEntry>;

Kernels direct_convolution_kernels();
Kernels convolution_pool_kernels();
Kernels convolution_kernels();
Kernels convolution_grad_kernels();
Kernels sparse_grad_weight_kernels();
Kernels sparse_grad_input_kernels();
Kernels depthwise_kernels();
Kernels winograd_grad_weight_kernels();
Kernels winograd_strided_grad_input_kernels();
Kernels winograd_strided_grad_weight_kernels();
Kernels outer_convolution_kernels();
Kernels gemm_kernels();
Kernels matmul_kernels();
Kernels eltwise_kernels();
Kernels binary_kernels();
Kernels pool_kernels();
Kernels average_pool_kernels();
Kernels batch_normalization_kernels();
Kernels layer_normalization_kernels();
Kernels group_normalization_kernels();
Kernels resample_kernels();
Kernels softmax_kernels();
Kernels dropout_kernels();
Kernels random_normal_kernels();
Kernels transpose_kernels();
Kernels concat_kernels();
Kernels slice_kernels();
Kernels reduce_kernels();
Kernels reduce_choice_kernels();
Kernels loss_kernels();
Kernels accumulate_kernels();
Kernels gather_kernels();
Kernels integer_kernels();
Kernels recurrent_kernels();

}  // namespace n2d2::cpu
