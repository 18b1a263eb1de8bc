// AveragePool, GlobalAveragePool and their gradients on channels-last activations.
#include <algorithm>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/pool_geometry.h"

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

void average_pool(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().input_shape(0), emit.node().output_shape());
  const bool with_pads = emit.node().integer("count_include_pad") != 0;
  const auto x = emit.in(0), y = emit.out();
  emit.rows([=](const Lane& lane) {
    float* out = y.rows(lane);
    for (std::int64_t row = 0; row < lane.rows; ++row) {
      const float* in = x.rows(lane) + row * g.floats_in();
      for (std::int64_t i = 0; i < g.out_height; ++i) {
        for (std::int64_t j = 0; j < g.out_width; ++j, out += g.channels) {
          std::fill(out, out + g.channels, 0.0F);
          g.window(i, j, [&](std::int64_t, std::int64_t pixel) {
            for (std::int64_t c = 0; c < g.channels; ++c) out[c] += in[pixel + c];
          });
          const float count = divisor(g, i, j, with_pads);
          for (std::int64_t c = 0; c < g.channels; ++c) out[c] /= count;
        }
      }
    }
  });
}

void average_pool_grad(Emitter& emit) {
  const PoolGeometry g = pool_geometry(emit.node(), emit.node().output_shape(), emit.node().input_shape(0));
  const bool with_pads = emit.node().integer("count_include_pad") != 0;
  const auto dy = emit.in(0), dx = emit.out();
  emit.rows([=](const Lane& lane) {
    const float* from = dy.rows(lane);
    for (std::int64_t row = 0; row < lane.rows; ++row) {
      float* to = dx.rows(lane) + row * g.floats_in();
      std::fill(to, to + g.floats_in(), 0.0F);
      for (std::int64_t i = 0; i < g.out_height; ++i) {
        for (std::int64_t j = 0; j < g.out_width; ++j, from += g.channels) {
          const float count = divisor(g, i, j, with_pads);
          g.window(i, j, [&](std::int64_t, std::int64_t pixel) {
            for (std::int64_t c = 0; c < g.channels; ++c) to[pixel + c] += from[c] / count;
          });
        }
      }
    }
  });
}

void global_average_pool(Emitter& emit) {
  const Shape& in = emit.node().input_shape(0);
  const std::int64_t channels = in[1].size, places = in[2].size * in[3].size;
  const auto x = emit.in(0), y = emit.out();
  const auto scratch = emit.scratch(channels * static_cast<std::int64_t>(sizeof(double)));
  emit.rows(
      [=](const Lane& lane) {
        auto* sums = scratch.own<double>(lane);
        for (std::int64_t row = 0; row < lane.rows; ++row) {
          const float* from = x.rows(lane) + row * channels * places;
          std::fill(sums, sums + channels, 0.0);
          for (std::int64_t place = 0; place < places; ++place, from += channels) {
            for (std::int64_t c = 0; c < channels; ++c) sums[c] += static_cast<double>(from[c]);
          }
          float* to = y.rows(lane) + row * channels;
          for (std::int64_t c = 0; c < channels; ++c) to[c] = static_cast<float>(sums[c] / static_cast<double>(places));
        }
      },
      {plan::writes(scratch, plan::Access::own)});
}

void global_average_pool_grad(Emitter& emit) {
  const Shape& out = emit.node().output_shape();
  const std::int64_t channels = out[1].size, places = out[2].size * out[3].size;
  const auto dy = emit.in(0), dx = emit.out();
  emit.rows([=](const Lane& lane) {
    for (std::int64_t row = 0; row < lane.rows; ++row) {
      const float* from = dy.rows(lane) + row * channels;
      float* to = dx.rows(lane) + row * channels * places;
      for (std::int64_t place = 0; place < places; ++place, to += channels) {
        for (std::int64_t c = 0; c < channels; ++c) to[c] = from[c] / static_cast<float>(places);
      }
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
