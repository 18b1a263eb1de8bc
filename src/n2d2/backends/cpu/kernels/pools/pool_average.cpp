// AveragePool, GlobalAveragePool and their gradients on channels-last activations.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pools/pool_geometry.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// Elements of window (i, j) along one axis, inside the input or inside the padded input.
std::int64_t covered(const PoolGeometry& g, int axis, std::int64_t place, bool with_pads) {
  const std::int64_t extent = axis == 0 ? g.height : g.width;
  const std::int64_t begin = place * g.strides[axis] - g.pads[axis];
  const std::int64_t end = std::min(begin + g.kernel[axis], extent + g.pads[axis + 2]);
  if (with_pads) return end - begin;
  return std::min(end, extent) - std::max<std::int64_t>(begin, 0);
}

float divisor(const PoolGeometry& g, std::int64_t i, std::int64_t j, bool with_pads) {
  return static_cast<float>(covered(g, 0, i, with_pads) * covered(g, 1, j, with_pads));
}

/// The pixels of window (i, j) inside the input.
AverageWindow window_of(const PoolGeometry& g, std::int64_t i, std::int64_t j) {
  const std::int64_t row = std::max<std::int64_t>(i * g.strides[0] - g.pads[0], 0);
  const std::int64_t column = std::max<std::int64_t>(j * g.strides[1] - g.pads[1], 0);
  return {.pixel = (row * g.width + column) * g.channels,
          .rows = covered(g, 0, i, false),
          .row_step = g.width * g.channels,
          .columns = covered(g, 1, j, false),
          .column_step = g.channels,
          .channels = g.channels};
}

/// Calls body(window, divisor) for every output pixel of an image, in order.
template <class Body>
void each_window(const PoolGeometry& g, bool with_pads, const Body& body) {
  for (std::int64_t i = 0; i < g.out_height; ++i) {
    for (std::int64_t j = 0; j < g.out_width; ++j) body(window_of(g, i, j), divisor(g, i, j, with_pads));
  }
}

void average_pool(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().input_shape(0), emit.node().output_shape());
  const bool with_pads = emit.node().integer("count_include_pad") != 0;
  const auto x = emit.in(0), y = emit.out();
  emit.rows([=, body = simd().average.mean](const Lane& lane) {
    float* to = y.rows(lane);
    for (std::int64_t row = 0; row < lane.rows * g.images; ++row) {
      const float* image = x.rows(lane) + row * g.floats_in();
      each_window(g, with_pads, [&](const AverageWindow& window, float count) {
        body(window, image, static_cast<double>(count), to);
        to += g.channels;
      });
    }
  });
}

void average_pool_grad(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().output_shape(), emit.node().input_shape(0));
  const bool with_pads = emit.node().integer("count_include_pad") != 0;
  const auto dy = emit.in(0), dx = emit.out();
  const bool clears = !tiles(g), adds = overlaps(g);
  emit.rows([=, body = simd().average.spread](const Lane& lane) {
    const float* from = dy.rows(lane);
    for (std::int64_t row = 0; row < lane.rows * g.images; ++row) {
      float* image = dx.rows(lane) + row * g.floats_in();
      if (clears) std::fill(image, image + g.floats_in(), 0.0F);
      each_window(g, with_pads, [&](const AverageWindow& window, float count) {
        body(window, from, count, adds, image);
        from += g.channels;
      });
    }
  });
}

/// One window over the whole image.
AverageWindow whole(const Shape& x) { return {.columns = x[2].size * x[3].size, .column_step = x[1].size, .channels = x[1].size}; }

void global_average_pool(Emitter& emit) {
  const std::int64_t images = emit.node().output_shape()[0].size;
  const AverageWindow window = whole(emit.node().input_shape(0));
  const auto x = emit.in(0), y = emit.out();
  emit.rows([=, body = simd().average.mean](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows * images; ++row) {
      body(window, x.rows(lane) + row * window.columns * window.channels, static_cast<double>(window.columns),
           y.rows(lane) + row * window.channels);
    }
  });
}

void global_average_pool_grad(Emitter& emit) {
  const std::int64_t images = emit.node().output_shape()[0].size;
  const AverageWindow window = whole(emit.node().output_shape());
  const auto dy = emit.in(0), dx = emit.out();
  emit.rows([=, body = simd().average.spread](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows * images; ++row) {
      body(window, dy.rows(lane) + row * window.channels, static_cast<float>(window.columns), false,
           dx.rows(lane) + row * window.columns * window.channels);
    }
  });
}

}  // namespace

Kernels average_pool_kernels() {
  return {{"AveragePool", "average_pool", nullptr, average_pool},
          {"AveragePoolGrad", "average_pool_grad", nullptr, average_pool_grad},
          {"GlobalAveragePool", "global_average_pool", nullptr, global_average_pool},
          {"GlobalAveragePoolGrad", "global_average_pool_grad", nullptr, global_average_pool_grad}};
}

}  // namespace n2d2::cpu
