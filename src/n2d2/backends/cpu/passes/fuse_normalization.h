// BatchNormalization or Add and the Relu behind it in one kernel, forward and backward.
#pragma once
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// Relu(BatchNormalization) becomes BatchNormalizationRelu, Relu(Add) AddRelu, and with a BatchNormalization in front of it
/// BatchNormalizationAddRelu; ReluGrad(Add) becomes AddReluGrad: where nobody else reads what stands between.
/// BatchNormalizationGrad(ReluGrad(dy, y)) of a BatchNormalizationRelu becomes BatchNormalizationReluGrad, which needs no y.
void fuse_normalization(ir::Graph& graph);

}  // namespace n2d2::cpu
