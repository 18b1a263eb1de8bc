// MaxPool and its gradient on channels-last activations.
#include <algorithm>
#include <limits>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pool_geometry.h"

namespace n2d2::cpu {
namespace {

using plan::Emitter;
using plan::Lane;

/// The first of equal maxima wins, and the first NaN wins over all.
void max_pool_row(const PoolGeometry& g, const float* x, float* y, std::uint8_t* argmax) {
  for (std::int64_t i = 0; i < g.out_height; ++i) {
    for (std::int64_t j = 0; j < g.out_width; ++j, y += g.channels, argmax += g.channels) {
      std::fill(y, y + g.channels, -std::numeric_limits<float>::infinity());
      bool first = true;
      g.window(i, j, [&](std::int64_t place, std::int64_t pixel) {
        const float* in = x + pixel;
        for (std::int64_t c = 0; c < g.channels; ++c) {
          const bool take = first || in[c] > y[c] || (in[c] != in[c] && y[c] == y[c]);
          y[c] = take ? in[c] : y[c];
          argmax[c] = take ? static_cast<std::uint8_t>(place) : argmax[c];
        }
        first = false;
      });
    }
  }
}

void max_pool(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().input_shape(0), emit.node().output_shape());
  const auto x = emit.in(0), y = emit.out(0), argmax = emit.out(1);
  emit.rows([=](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows; ++row) {
      max_pool_row(g, x.rows(lane) + row * g.floats_in(), y.rows(lane) + row * g.floats_out(),
                   argmax.rows<std::uint8_t>(lane) + row * g.floats_out());
    }
  });
}

void max_pool_grad(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().output_shape(), emit.node().input_shape(0));
  const auto dy = emit.in(0), argmax = emit.in(1), dx = emit.out();
  emit.rows([=](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows; ++row) {
      const float* from = dy.rows(lane) + row * g.floats_out();
      const std::uint8_t* chosen = argmax.rows<std::uint8_t>(lane) + row * g.floats_out();
      float* to = dx.rows(lane) + row * g.floats_in();
      std::fill(to, to + g.floats_in(), 0.0F);
      for (std::int64_t i = 0; i < g.out_height; ++i) {
        for (std::int64_t j = 0; j < g.out_width; ++j, from += g.channels, chosen += g.channels) {
          g.window(i, j, [&](std::int64_t place, std::int64_t pixel) {
            float* __restrict out = to + pixel;
            for (std::int64_t c = 0; c < g.channels; ++c) out[c] += chosen[c] == place ? from[c] : 0.0F;
          });
        }
      }
    }
  });
}

}  // namespace

Kernels pool_kernels() {
  return {{"MaxPool", "max_pool", nullptr, max_pool}, {"MaxPoolGrad", "expand", nullptr, max_pool_grad}};
}

}  // namespace n2d2::cpu
