// Adds the backward half of a graph: each operator says its gradient, this pass walks and sums.
#pragma once
#include <vector>

#include "n2d2/ir/graph.h"

namespace n2d2::passes {

struct AutodiffOptions {
  bool input_gradients = false;  ///< also differentiate the float inputs
  bool from_loss = false;        ///< output 0 is a loss: its gradient is 1, and the other outputs are not differentiated
};

/// What the backward half reads and gives. Parameter gradients go to buffers named "gradient:<parameter>".
struct Backward {
  std::vector<ir::Value*> output_gradients;  ///< inputs, one per graph output; null where nothing is differentiated
  std::vector<ir::Value*> input_gradients;   ///< one per graph input; null where none was wanted or none flows
  std::vector<ir::Value*> parameters;        ///< those that get a gradient
};

/// Differentiates the graph's outputs with respect to its trainable parameters. Nodes are added after all others, in phase backward.
Backward add_backward(ir::Graph& graph, const AutodiffOptions& options);

}  // namespace n2d2::passes
