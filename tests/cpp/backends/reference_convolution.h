// A convolution of 3x3 taps and its gradients in double, as loops over the definition.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

namespace n2d2::tests {

constexpr std::int64_t kSide = 7, kChannels = 4, kOutputs = 6;
constexpr std::int64_t kFloatsIn = kChannels * kSide * kSide;

struct ConvGeometry {
  std::int64_t group;
  std::vector<std::int64_t> strides, pads, dilations;
  /// Places of the output along an axis.
  std::int64_t extent(int axis) const {
    const auto i = static_cast<std::size_t>(axis);
    return (kSide + pads[i] + pads[i + 2] - dilations[i] * 2 - 1) / strides[i] + 1;
  }
  std::int64_t floats_out() const { return kOutputs * extent(0) * extent(1); }
};

inline float wave(std::int64_t i, int seed) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 1.3 * seed)); }

/// Place of the logical weight [o,c,p,q] in memory: OIHW, or Keras' HWIO.
inline std::int64_t weight_place(bool hwio, std::int64_t c_count, std::int64_t o, std::int64_t c, std::int64_t p, std::int64_t q) {
  return hwio ? ((p * 3 + q) * c_count + c) * kOutputs + o : ((o * c_count + c) * 3 + p) * 3 + q;
}

/// Output and gradients for activations that lie NCHW.
struct ReferenceConvolution {
  std::vector<double> y, dx, dw, db;

  ReferenceConvolution(const ConvGeometry& g, bool hwio, std::int64_t rows, const float* x, const float* w, const float* b,
                       const double* dy) {
    const std::int64_t height = g.extent(0), width = g.extent(1), in = kChannels / g.group, out = kOutputs / g.group;
    y.resize(static_cast<std::size_t>(rows * kOutputs * height * width));
    dx.resize(static_cast<std::size_t>(rows * kFloatsIn));
    dw.resize(static_cast<std::size_t>(kOutputs * in * 9));
    db.resize(kOutputs);
    for (std::int64_t at = 0; at < static_cast<std::int64_t>(y.size()); ++at) {
      const std::int64_t j = at % width, i = at / width % height, o = at / (width * height) % kOutputs,
                         n = at / (width * height * kOutputs);
      double sum = b[o];
      db[static_cast<std::size_t>(o)] += dy[at];
      for (std::int64_t tap = 0; tap < in * 9; ++tap) {
        const std::int64_t q = tap % 3, p = tap / 3 % 3, c = tap / 9;
        const std::int64_t row = i * g.strides[0] - g.pads[0] + p * g.dilations[0];
        const std::int64_t column = j * g.strides[1] - g.pads[1] + q * g.dilations[1];
        if (row < 0 || row >= kSide || column < 0 || column >= kSide) continue;
        const std::int64_t from = n * kFloatsIn + ((o / out * in + c) * kSide + row) * kSide + column;
        const std::int64_t weight = weight_place(hwio, in, o, c, p, q);
        sum += static_cast<double>(x[from]) * w[weight];
        dx[static_cast<std::size_t>(from)] += dy[at] * w[weight];
        dw[static_cast<std::size_t>(weight)] += dy[at] * x[from];
      }
      y[static_cast<std::size_t>(at)] = sum;
    }
  }
};

}  // namespace n2d2::tests
