// MaxPool and its gradient on channels-last activations, alone or with the Relu behind it.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pools/pool_geometry.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// The elements of one window that lie inside the input.
struct WindowList {
  std::int64_t offsets[256];
  std::uint8_t places[256];
  int count = 0;

  WindowList(const PoolGeometry& g, std::int64_t i, std::int64_t j) {
    g.window(i, j, [&](std::int64_t place, std::int64_t pixel) {
      offsets[count] = pixel;
      places[count] = static_cast<std::uint8_t>(place);
      ++count;
    });
  }
};

/// Calls body(window, first output channel) for every output pixel of an image.
template <class Body>
void each_window(const PoolGeometry& g, const Body& body) {
  for (std::int64_t i = 0; i < g.out_height; ++i) {
    for (std::int64_t j = 0; j < g.out_width; ++j) {
      const WindowList window(g, i, j);
      const std::int64_t pixel = (i * g.out_width + j) * g.channels;
      body(window, pixel);
    }
  }
}

void prepare_pool(Emitter& emit, bool relu) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().input_shape(0), emit.node().output_shape());
  const auto x = emit.in(0), y = emit.out(0), argmax = emit.out(1);
  emit.rows([=, body = simd().max_pool](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows * g.images; ++row) {
      const float* in = x.rows(lane) + row * g.floats_in();
      float* out = y.rows(lane) + row * g.floats_out();
      std::uint8_t* chosen = argmax.rows<std::uint8_t>(lane) + row * g.floats_out();
      each_window(g, [&](const WindowList& window, std::int64_t pixel) {
        body(in, window.offsets, window.places, window.count, g.channels, relu, out + pixel, chosen + pixel);
      });
    }
  });
}

void prepare_grad(Emitter& emit, bool relu) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().output_shape(), emit.node().input_shape(0));
  const auto dy = emit.in(0), y = relu ? emit.in(1) : plan::Operand(), argmax = emit.in(relu ? 2 : 1), dx = emit.out();
  const bool clears = !tiles(g), adds = overlaps(g);
  emit.rows([=, body = simd().max_pool_grad](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows * g.images; ++row) {
      const std::int64_t pooled = row * g.floats_out();
      const float* from = dy.rows(lane) + pooled;
      const float* mask = relu ? y.rows(lane) + pooled : nullptr;
      const std::uint8_t* chosen = argmax.rows<std::uint8_t>(lane) + pooled;
      float* to = dx.rows(lane) + row * g.floats_in();
      if (clears) std::fill(to, to + g.floats_in(), 0.0F);
      each_window(g, [&](const WindowList& window, std::int64_t pixel) {
        body(from + pixel, mask == nullptr ? nullptr : mask + pixel, chosen + pixel, window.offsets, window.places, window.count,
             g.channels, adds, to);
      });
    }
  });
}

void max_pool(Emitter& emit) { prepare_pool(emit, false); }
void max_pool_relu(Emitter& emit) { prepare_pool(emit, true); }
void max_pool_grad(Emitter& emit) { prepare_grad(emit, false); }
void max_pool_relu_grad(Emitter& emit) { prepare_grad(emit, true); }

}  // namespace

Kernels pool_kernels() {
  return {{"MaxPool", "max_pool", nullptr, max_pool},
          {"MaxPoolRelu", "max_pool_relu", nullptr, max_pool_relu},
          {"MaxPoolGrad", "expand", nullptr, max_pool_grad},
          {"MaxPoolReluGrad", "expand_relu", nullptr, max_pool_relu_grad}};
}

}  // namespace n2d2::cpu
