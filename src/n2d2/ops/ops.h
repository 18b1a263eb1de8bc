// Every operator's record, one function each; op_table.cpp lists them.
#pragma once
#include "n2d2/ir/op_def.h"

namespace n2d2::ops {

using ir::OpDef;

/// All functions of one variable and their gradients.
std::vector<OpDef> unary_functions();
/// All elementwise operators of two and three tensors, some of which are gradients of others.
std::vector<OpDef> broadcast_functions();
/// Reductions that are no sums, their gradients, ArgMax, ArgMin and CumSum.
std::vector<OpDef> choosing_reductions();
/// Dropout in its forms, with gradients, and RandomNormal.
std::vector<OpDef> random_operators();
OpDef softmax();
OpDef softmax_grad();
OpDef log_softmax();
OpDef log_softmax_grad();
OpDef conv();
OpDef conv_transpose();
OpDef conv_grad_input();
OpDef conv_grad_weight();
OpDef gemm();
OpDef matmul();
OpDef gather();
OpDef gather_grad();
OpDef gather_elements();
OpDef gather_elements_grad();
OpDef one_hot();
OpDef cast();
OpDef max_pool();
OpDef max_pool_grad();
OpDef average_pool();
OpDef average_pool_grad();
OpDef global_average_pool();
OpDef global_average_pool_grad();
OpDef global_max_pool();
OpDef batch_normalization();
OpDef batch_normalization_grad();
OpDef layer_normalization();
OpDef layer_normalization_grad();
OpDef rms_normalization();
OpDef rms_normalization_grad();
OpDef group_normalization();
OpDef group_normalization_grad();
OpDef instance_normalization();
OpDef lrn();
OpDef lp_normalization();
OpDef resample();
OpDef resize();
OpDef adaptive_average_pool();
OpDef adaptive_max_pool();
OpDef depth_to_space();
OpDef space_to_depth();
OpDef flatten();
OpDef reshape();
OpDef transpose();
OpDef reorder();
OpDef stop_gradient();
OpDef concat();
OpDef slice();
OpDef slice_grad();
OpDef split();
OpDef expand();
OpDef tile();
OpDef pad();
OpDef reduce_mean();
OpDef reduce_mean_grad();
OpDef reduce_sum();
OpDef reduce_sum_grad();
OpDef sum_to();
OpDef softmax_cross_entropy_loss();
OpDef softmax_cross_entropy_loss_grad();
OpDef mean_squared_error();
OpDef mean_squared_error_grad();
OpDef accumulate_gradient();
OpDef lane_sum();
/// Recurrent layers and their gradients.
std::vector<OpDef> lstm();
std::vector<OpDef> gru();
std::vector<OpDef> rnn();

}  // namespace n2d2::ops
