// ConvMaxPool: only pooled values are stored. What windows of 2x2 choose from stays in registers; for others rows of the convolution live
// in a lane's scratch until the pool has read them.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/convolution/direct_convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pools/pool_rows.h"
#include "n2d2/backends/cpu/kernels/scratch.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kRingBytes = 48 * 1024;  // rows of the convolution's output that wait for the pool

/// Rows or columns of the convolution that some window reads.
std::int64_t read_by_pool(const PoolGeometry& pool, int axis, std::int64_t places, std::int64_t extent) {
  return std::min(extent, (places - 1) * pool.strides[axis] - pool.pads[axis] + (pool.kernel[axis] - 1) * pool.dilations[axis] + 1);
}

struct ConvMaxPool {
  DirectConvolution conv;
  PoolGeometry pool;  ///< its input: the rows and columns of the convolution that windows read
  bool relu;
  bool in_registers;  ///< else in the ring
  std::int64_t ring;  ///< rows that fit
  std::int64_t image_floats = 0;

  std::int64_t row_floats() const { return pool.width * pool.channels; }
  std::int64_t ring_bytes() const { return whole_lines(ring * row_floats() * 4); }
  std::int64_t scratch_bytes() const { return ring_bytes() + (in_registers ? conv.scratch_bytes_pooled() : conv.scratch_bytes()); }

  /// Rows `wanted` of the pool's output of every image; `y` and `argmax` begin with row 0 of the first.
  void run(const float* x, const float* weights, const float* weight, const float* bias, std::int64_t images, plan::Range wanted, float* y,
           std::uint8_t* argmax, char* scratch) const {
    if (in_registers) return conv.pooled(x, weights, weight, bias, relu, images, wanted, y, argmax, scratch);
    conv.clear(scratch + ring_bytes());
    for (std::int64_t i = 0; i < images; ++i) {
      run_image(x + i * image_floats, weights, bias, wanted, y + i * pool.floats_out(), argmax + i * pool.floats_out(), scratch);
    }
  }

 private:
  void run_image(const float* x, const float* weights, const float* bias, plan::Range wanted, float* y, std::uint8_t* argmax,
                 char* scratch) const {
    const float* image = conv.image(x, scratch + ring_bytes());
    auto* rows = reinterpret_cast<float*>(scratch);
    const auto first_of = [&](std::int64_t i) { return std::max<std::int64_t>(0, i * pool.strides[0] - pool.pads[0]); };
    const std::int64_t step = conv.step();
    std::int64_t made = first_of(wanted.begin) / step * step;
    for (std::int64_t i = wanted.begin; i < wanted.end; ++i) {
      const std::int64_t first = first_of(i);
      const std::int64_t last = std::min(pool.height, i * pool.strides[0] - pool.pads[0] + (pool.kernel[0] - 1) * pool.dilations[0] + 1);
      // Rows up to what fits beside the first one that is still read, in pieces that end where the ring begins anew.
      for (std::int64_t end = std::min(pool.height, first / step * step + ring); made < last;) {
        const std::int64_t count = std::min(end - made, ring - made % ring);
        conv.rows(image, weights, bias, false, made, count, rows + made % ring * row_floats(), scratch + ring_bytes());
        made += count;
      }
      pool_row(pool, relu, i, rows, ring, y + i * pool.out_width * pool.channels, argmax + i * pool.out_width * pool.channels);
    }
  }
};

/// Whether the windows are 2x2, side by side, and all inside the convolution's output.
bool fits_registers(const PoolGeometry& pool) {
  for (const int axis : {0, 1}) {
    if (pool.kernel[axis] != 2 || pool.strides[axis] != 2 || pool.dilations[axis] != 1 || pool.pads[axis] != 0) return false;
  }
  return pool.height == 2 * pool.out_height && pool.width == 2 * pool.out_width;
}

Shape convolved(const ir::Node& node) {
  const auto& extents = node.integers("conv_output");
  const Shape pooled = node.output_shape();
  return {pooled[0], pooled[1], extents[0], extents[1]};
}

ConvMaxPool describe(const ir::Node& node, const Convolution& conv) {
  const Shape y = convolved(node), pooled = node.output_shape();
  PoolGeometry pool = pool_geometry(node, y, pooled, "pool_");
  pool.height = read_by_pool(pool, 0, pool.out_height, y[2].size);
  pool.width = read_by_pool(pool, 1, pool.out_width, y[3].size);
  const bool in_registers = fits_registers(pool);
  ConvMaxPool made{DirectConvolution::forward(conv, *node.input(1), pool.height, pool.width, in_registers), pool, node.integer("relu") != 0,
                   in_registers, 0};
  made.image_floats = conv.floats_in();
  if (made.in_registers) return made;
  const std::int64_t reach = (pool.kernel[0] - 1) * pool.dilations[0] + 1;
  const std::int64_t step = made.conv.step();  // a window may begin at any row of it
  const std::int64_t fits = std::max(reach + step - 1, kRingBytes / (made.row_floats() * 4));
  made.ring = std::min(pool.height, (fits + step - 1) / step * step);
  return made;
}

void prepare(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Convolution conv = convolution_of(node, node.input_shape(0), node.input_shape(1), convolved(node));
  const auto kernel = std::make_shared<ConvMaxPool>(describe(node, conv));
  const Operand x = emit.in(0), weight = emit.in(1), bias = emit.in(2), y = emit.out(0), argmax = emit.out(1),
                weights = kernel->conv.pack(emit, 1);
  const Operand scratch = emit.scratch(kernel->scratch_bytes());
  const std::int64_t step = std::max<std::int64_t>(1, kernel->in_registers ? kernel->conv.step() / 2 : 1);  // in rows of the pool
  const bool shared = shares_rows(emit, conv, (kernel->pool.out_height + step - 1) / step);
  const std::int64_t multiple = conv.rows_per_row;
  const auto run = [=](const Lane& lane) {
    const std::int64_t height = kernel->pool.out_height;
    const plan::Range wanted = shared ? plan::slice_of(height, lane, step) : plan::Range{0, height};
    if (wanted.size() == 0) return;
    const auto of = [&](const Operand& operand) { return shared ? operand.all(lane) : operand.rows(lane); };
    auto* places = shared ? argmax.all<std::uint8_t>(lane) : argmax.rows<std::uint8_t>(lane);
    kernel->run(of(x), weights.all(lane), weight.all(lane), bias ? bias.all(lane) : nullptr,
                (shared ? lane.total_rows : lane.rows) * multiple, wanted, of(y), places, scratch.own<char>(lane));
  };
  shared ? emit.shared_rows(run, {plan::writes(scratch, Access::own)}) : emit.rows(run, {plan::writes(scratch, Access::own)});
}

}  // namespace

Kernels convolution_pool_kernels() { return {{"ConvMaxPool", "conv_max_pool:direct", nullptr, prepare}}; }

}  // namespace n2d2::cpu
