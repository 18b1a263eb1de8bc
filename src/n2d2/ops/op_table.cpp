#include "n2d2/ops/op_table.h"

#include "n2d2/ops/ops.h"

namespace n2d2::ops {

std::vector<OpDef> definitions() {
  std::vector<OpDef> all = {
      softmax(),
      softmax_grad(),
      log_softmax(),
      log_softmax_grad(),
      conv(),
      conv_transpose(),
      conv_grad_input(),
      conv_grad_weight(),
      gemm(),
      matmul(),
      gather(),
      gather_grad(),
      gather_elements(),
      gather_elements_grad(),
      one_hot(),
      cast(),
      max_pool(),
      max_pool_grad(),
      average_pool(),
      average_pool_grad(),
      global_average_pool(),
      global_average_pool_grad(),
      global_max_pool(),
      batch_normalization(),
      batch_normalization_grad(),
      layer_normalization(),
      layer_normalization_grad(),
      rms_normalization(),
      rms_normalization_grad(),
      group_normalization(),
      group_normalization_grad(),
      instance_normalization(),
      lrn(),
      lp_normalization(),
      resample(),
      resize(),
      adaptive_average_pool(),
      adaptive_max_pool(),
      depth_to_space(),
      space_to_depth(),
      flatten(),
      reshape(),
      transpose(),
      reorder(),
      stop_gradient(),
      concat(),
      slice(),
      slice_grad(),
      split(),
      expand(),
      tile(),
      pad(),
      reduce_mean(),
      reduce_mean_grad(),
      reduce_sum(),
      reduce_sum_grad(),
      sum_to(),
      softmax_cross_entropy_loss(),
      softmax_cross_entropy_loss_grad(),
      mean_squared_error(),
      mean_squared_error_grad(),
      accumulate_gradient(),
      lane_sum(),
  };
  for (const auto family : {unary_functions, broadcast_functions, choosing_reductions, random_operators, lstm, gru, rnn}) {
    for (OpDef& definition : family()) all.push_back(std::move(definition));
  }
  return all;
}

const ir::OpSet& op_set() {
  static const ir::OpSet set(definitions());
  return set;
}

}  // namespace n2d2::ops
