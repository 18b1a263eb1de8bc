// Gradients of a convolution behind a max-pool. Only the places the pool chose have a gradient, at most one per window and channel, and
// none where the Relu behind the pool is 0: each adds one patch of the input to the weight's gradient, or one patch of weights to the
// input's. The full gradient of the convolution's output is never made.
#include <algorithm>
#include <cstring>

#include "n2d2/backends/cpu/kernels/convolution.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pool_geometry.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

constexpr std::int64_t kLine = 64;  // bytes
std::int64_t whole_lines(std::int64_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

/// A window of the pool: its first place in the convolution's output, and the first float of the patch of that place.
struct Window {
  std::int64_t row, column;
  std::int64_t pixel;  ///< first channel in the pooled image
  std::int32_t offset;
  bool is_inside;  ///< the patches of all its places lie inside the image
};

/// Convolution and pool, and what both directions derive from them.
struct Sparse {
  Convolution conv;
  PoolGeometry pool;  ///< its input is the convolution's output
  SparsePatch patch{};
  std::int64_t weights = 0;  ///< floats of one output channel, in the order kernel row, kernel column, input channel
  /// Of an image, column by column: patches of neighbours lie one above the other and share no row, so that a sum in memory need
  /// not wait for the one before.
  std::vector<Window> windows;
  std::int32_t places[256];  ///< distance in the input between the patches of a window's first place and of another

  Sparse(Convolution convolution, PoolGeometry geometry) : conv(convolution), pool(geometry) {
    const std::int64_t row = conv.input[1] * conv.channels[0], run = conv.kernel[1] * conv.channels[0];
    patch = {conv.kernel[0], (conv.dilations[0] + 1) * row, run};
    weights = conv.kernel[0] * run;
    for (std::int64_t i = 0; i < pool.kernel[0] * pool.kernel[1]; ++i) {
      const std::int64_t down = i / pool.kernel[1] * pool.dilations[0] * conv.strides[0];
      const std::int64_t across = i % pool.kernel[1] * pool.dilations[1] * conv.strides[1];
      places[i] = static_cast<std::int32_t>(down * row + across * conv.channels[0]);
    }
    for (std::int64_t j = 0; j < pool.out_width; ++j) {
      for (std::int64_t i = 0; i < pool.out_height; ++i) windows.push_back(window(i, j));
    }
  }
  Window window(std::int64_t i, std::int64_t j) const {
    const std::int64_t row = i * pool.strides[0] - pool.pads[0], column = j * pool.strides[1] - pool.pads[1];
    return {row, column, (i * pool.out_width + j) * conv.channels[1], static_cast<std::int32_t>(offset(first(0, row), first(1, column))),
            is_inside(0, row) && is_inside(1, column)};
  }
  /// First row or column of the patch of output place `at`.
  std::int64_t first(int axis, std::int64_t at) const { return at * conv.strides[axis] - conv.pads_begin[axis]; }
  std::int64_t offset(std::int64_t row, std::int64_t column) const { return (row * conv.input[1] + column) * conv.channels[0]; }
  /// Whether the patches of all places of a window, whose first place is `at`, lie inside the image.
  bool is_inside(int axis, std::int64_t at) const {
    const std::int64_t last = first(axis, at + (pool.kernel[axis] - 1) * pool.dilations[axis]);
    return at >= 0 && first(axis, at) >= 0 && last + (conv.kernel[axis] - 1) * (conv.dilations[axis] + 1) < conv.input[axis];
  }
  onednn::Desc weight_desc() const {
    const std::int64_t run = conv.kernel[1] * conv.channels[0];
    return onednn::strided(conv.weight_dims(), {weights, 1, run, conv.channels[0]});
  }
  std::int64_t most_entries() const { return static_cast<std::int64_t>(windows.size()); }
  std::int64_t entry_bytes() const { return whole_lines(conv.channels[1] * most_entries() * 8); }
  std::int64_t gradient_bytes() const { return whole_lines(pool.floats_out() * 4); }
  std::int64_t list_bytes() const { return entry_bytes() + gradient_bytes() + whole_lines(conv.channels[1] * 4); }
};

/// The gradient of an image as the pool left it; `y`: the Relu's output, or null.
struct Pooled {
  const float* dy;
  const std::uint8_t* argmax;
  const float* y;
};

/// A list of entries per output channel, and the gradients they are made of.
class Lists {
 public:
  Lists(const Sparse& s, void* memory)
      : s_(s),
        entries_(static_cast<SparseEntry*>(memory)),
        gradients_(reinterpret_cast<float*>(static_cast<char*>(memory) + s.entry_bytes())),
        counts_(reinterpret_cast<std::int32_t*>(static_cast<char*>(memory) + s.entry_bytes() + s.gradient_bytes())) {}

  std::int32_t count(std::int64_t channel) const { return counts_[channel]; }
  const SparseEntry* of(std::int64_t channel) const { return entries_ + channel * s_.most_entries(); }
  /// Of the pooled image, behind the Relu's mask.
  const float* gradients() const { return gradients_; }

  /// Lists the gradients of an image whose patches lie inside it, and calls clipped(channel, row, column, gradient) with the
  /// first row and column of each other patch.
  template <class Clipped>
  void fill(const Pooled& pooled, const Clipped& clipped) {
    std::memset(counts_, 0, static_cast<std::size_t>(s_.conv.channels[1]) * 4);
    const std::int64_t floats = s_.pool.floats_out();
    if (pooled.y == nullptr) {
      std::copy(pooled.dy, pooled.dy + floats, gradients_);
    } else {
      for (std::int64_t i = 0; i < floats; ++i) gradients_[i] = pooled.y[i] <= 0.0F ? 0.0F : pooled.dy[i];
    }
    for (const Window& window : s_.windows) {
      window.is_inside ? append(window, pooled.argmax + window.pixel) : clip(window, pooled.argmax + window.pixel, clipped);
    }
  }

 private:
  void append(const Window& window, const std::uint8_t* argmax) {
    const std::int64_t channels = s_.conv.channels[1], most = s_.most_entries();
    const float* gradients = gradients_ + window.pixel;
    SparseEntry* list = entries_;
    for (std::int64_t c = 0; c < channels; ++c, list += most) {
      const std::int32_t count = counts_[c];
      list[count] = {window.offset + s_.places[argmax[c]], gradients[c]};
      counts_[c] = count + (gradients[c] != 0.0F ? 1 : 0);
    }
  }
  template <class Clipped>
  void clip(const Window& window, const std::uint8_t* argmax, const Clipped& clipped) const {
    for (std::int64_t c = 0; c < s_.conv.channels[1]; ++c) {
      const float gradient = gradients_[window.pixel + c];
      const std::int64_t down = argmax[c] / s_.pool.kernel[1] * s_.pool.dilations[0];
      const std::int64_t across = argmax[c] % s_.pool.kernel[1] * s_.pool.dilations[1];
      if (gradient != 0.0F) clipped(c, s_.first(0, window.row + down), s_.first(1, window.column + across), gradient);
    }
  }

  const Sparse& s_;
  SparseEntry* entries_;
  float* gradients_;
  std::int32_t* counts_;
};

/// Calls body(entry, patch of one run, first weight of that run) for every run of a patch that meets the image.
template <class Body>
void each_run(const Sparse& s, std::int64_t row, std::int64_t column, float gradient, const Body& body) {
  const std::int64_t begin = std::max<std::int64_t>(0, -column), end = std::min<std::int64_t>(s.conv.kernel[1], s.conv.input[1] - column);
  for (std::int64_t k = 0; k < s.conv.kernel[0] && begin < end; ++k) {
    const std::int64_t at = row + k * (s.conv.dilations[0] + 1);
    if (at < 0 || at >= s.conv.input[0]) continue;
    const SparseEntry entry{static_cast<std::int32_t>(s.offset(at, column + begin)), gradient};
    body(entry, SparsePatch{1, 0, (end - begin) * s.conv.channels[0]}, k * s.patch.width + begin * s.conv.channels[0]);
  }
}

Sparse sparse_of(const ir::Node& node, const Shape& x, const Shape& w) {
  const auto& extents = node.integers("conv_output");
  const Shape pooled = node.input_shape(0);
  const Shape y = {pooled[0], pooled[1], extents[0], extents[1]};
  return {convolution_of(node, x, w, y), pool_geometry(node, y, pooled, "pool_")};
}

/// The operands that both directions read by rows.
struct PooledOperands {
  Operand dy, argmax, y;
  explicit PooledOperands(Emitter& emit) : dy(emit.in(0)), argmax(emit.in(1)), y(emit.in(3)) {}
  Pooled at(const Lane& lane, std::int64_t first) const {
    return {dy.rows(lane) + first, argmax.rows<std::uint8_t>(lane) + first, y ? y.rows(lane) + first : nullptr};
  }
};

void prepare_weight(Emitter& emit) {
  const ir::Node& node = emit.node();
  const auto s = std::make_shared<Sparse>(sparse_of(node, node.input_shape(2), node.output_shape(0)));
  const auto reordering = std::make_shared<onednn::Reordering>(s->weight_desc(), s->conv.desc_weight(*node.output(0)), emit.lanes());
  const PooledOperands pooled(emit);
  const Operand x = emit.in(2), dw = emit.partial_out(0), db = node.outputs().size() > 1 ? emit.partial_out(1) : Operand();
  const std::int64_t sums_at = s->list_bytes(), sums_bytes = whole_lines(s->conv.channels[1] * s->weights * 4);
  const Operand scratch = emit.scratch(sums_at + sums_bytes + reordering->scratch_bytes());
  std::vector<plan::Use> extra = {plan::writes(dw, Access::own), plan::writes(scratch, Access::own)};
  if (db) extra.push_back(plan::writes(db, Access::own));
  emit.rows(
      [=](const Lane& lane) {
        const std::int64_t channels = s->conv.channels[1];
        char* memory = scratch.own<char>(lane);
        float* sums = reinterpret_cast<float*>(memory + sums_at);
        std::memset(sums, 0, static_cast<std::size_t>(sums_bytes));
        float* bias = db ? db.own(lane) : nullptr;
        if (bias != nullptr) std::fill(bias, bias + channels, 0.0F);
        Lists lists(*s, memory);
        for (std::int64_t row = 0; row < lane.rows * s->conv.rows_per_row; ++row) {
          const float* image = x.rows(lane) + row * s->conv.floats_in();
          lists.fill(pooled.at(lane, row * s->pool.floats_out()), [&](std::int64_t c, std::int64_t top, std::int64_t left, float gradient) {
            each_run(*s, top, left, gradient, [&](const SparseEntry& entry, const SparsePatch& run, std::int64_t first) {
              simd().sparse_dot(&entry, 1, run, image, sums + c * s->weights + first);
            });
          });
          for (std::int64_t c = 0; c < channels; ++c)
            simd().sparse_dot(lists.of(c), lists.count(c), s->patch, image, sums + c * s->weights);
          if (bias != nullptr) simd().sum_rows(lists.gradients(), s->most_entries(), channels, bias);
        }
        reordering->run(lane.index, sums, dw.own(lane), memory + sums_at + sums_bytes);
      },
      std::move(extra));
}

void prepare_input(Emitter& emit) {
  const ir::Node& node = emit.node();
  const auto s = std::make_shared<Sparse>(sparse_of(node, node.output_shape(), node.input_shape(2)));
  const Operand weight = pack_weight(emit, 2, s->conv.desc_weight(*node.input(2)), s->weight_desc()).operand;
  const PooledOperands pooled(emit);
  const Operand dx = emit.out(), scratch = emit.scratch(s->list_bytes());
  emit.rows(
      [=](const Lane& lane) {
        const float* weights = weight.all(lane);
        Lists lists(*s, scratch.own<void>(lane));
        for (std::int64_t row = 0; row < lane.rows * s->conv.rows_per_row; ++row) {
          float* image = dx.rows(lane) + row * s->conv.floats_in();
          std::fill(image, image + s->conv.floats_in(), 0.0F);
          lists.fill(pooled.at(lane, row * s->pool.floats_out()), [&](std::int64_t c, std::int64_t top, std::int64_t left, float gradient) {
            each_run(*s, top, left, gradient, [&](const SparseEntry& entry, const SparsePatch& run, std::int64_t first) {
              simd().sparse_scatter(&entry, 1, run, weights + c * s->weights + first, image);
            });
          });
          for (std::int64_t c = 0; c < s->conv.channels[1]; ++c) {
            simd().sparse_scatter(lists.of(c), lists.count(c), s->patch, weights + c * s->weights, image);
          }
        }
      },
      {plan::writes(scratch, Access::own)});
}

}  // namespace

Kernels sparse_convolution_kernels() {
  return {{"MaxPoolConvGradWeight", "conv_grad_weight:sparse", nullptr, prepare_weight},
          {"MaxPoolConvGradInput", "conv_grad_input:sparse", nullptr, prepare_input}};
}

}  // namespace n2d2::cpu
