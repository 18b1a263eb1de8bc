#include "n2d2/passes/output_copies.h"

#include <fmt/core.h>

#include "n2d2/core/error.h"

namespace n2d2::passes {

void add_output_copies(ir::Graph& graph, std::size_t forward_outputs) {
  std::vector<ir::Value*> copies;
  for (ir::Value* output : graph.outputs()) {
    if (output->type.shape.batch_axis() > 0) {
      throw UnsupportedError(fmt::format("output '{}' of shape {} has the batch on axis {}; give it on axis 0", output->name,
                                         output->type.shape.text(), output->type.shape.batch_axis()));
    }
    const ir::Phase phase = copies.size() < forward_outputs ? ir::Phase::forward : ir::Phase::backward;
    copies.push_back(graph.add_node("Reorder", {output}, {}, {.phase = phase}).output());
  }
  graph.set_outputs(copies);
}

}  // namespace n2d2::passes
