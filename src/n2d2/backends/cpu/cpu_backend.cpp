#include "n2d2/backends/cpu/cpu_backend.h"

#include "n2d2/backends/cpu/kernel_table.h"
#include "n2d2/backends/cpu/kernels/convolution/onednn.h"
#include "n2d2/backends/cpu/op_set.h"
#include "n2d2/backends/cpu/passes/fuse_conv.h"
#include "n2d2/backends/cpu/passes/fuse_normalization.h"
#include "n2d2/backends/cpu/passes/fuse_pool_conv_grad.h"
#include "n2d2/backends/cpu/passes/fuse_pool_relu.h"
#include "n2d2/backends/cpu/passes/layout.h"
#include "n2d2/backends/cpu/passes/recompute_normalization.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

class CpuBackend final : public plan::Backend {
 public:
  std::string name() const override { return "cpu"; }
  const ir::OpSet& op_set() const override { return cpu::op_set(); }
  void run_passes(ir::Graph& graph) const override {
    fuse_pool_relu(graph);
    fuse_pool_conv_grad(graph);
    fuse_conv(graph);
    fuse_normalization(graph);
    recompute_normalization(graph);
    assign_layout(graph);
  }
  const std::vector<plan::KernelEntry>& kernels() const override { return kernel_table(); }
  void update(const solvers::UpdateArguments& arguments, float* weights, const float* gradient, float* const* slots,
              std::int64_t count) const override {
    simd().update(arguments, weights, gradient, slots, count);
  }
};

}  // namespace

const plan::Backend& cpu_backend() {
  static const CpuBackend backend;
  return backend;
}

std::int64_t primitives_created() { return onednn::primitives_created(); }

}  // namespace n2d2::cpu
