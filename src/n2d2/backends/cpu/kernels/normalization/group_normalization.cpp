// GroupNormalization and its gradient, channels innermost, image by image with the bodies of batch normalisation: sums per channel, which
// come together per group in double, then factors per channel.
#include <algorithm>
#include <cmath>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/normalization/batch_normalization.h"
#include "n2d2/backends/cpu/kernels/row_sum.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

using normalization::Factors;
using normalization::Geometry;
using normalization::LaneSums;
using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;

struct Groups {
  Geometry of_image;  ///< `places` are those of one image
  std::int64_t images = 1, count = 1, channels = 1;

  /// `statistics`: [N, groups].
  Groups(const Shape& x, const Shape& statistics) : of_image(x), images(x[0].size), count(statistics[1].size) {
    of_image.places /= images;
    channels = of_image.channels / count;
  }
  std::int64_t floats() const { return of_image.places * of_image.channels; }
  double elements() const { return static_cast<double>(channels * of_image.places); }
};

/// Mean and inverse deviation of the channels from `c` on, from sums around `means`.
void moments_of(const Groups& g, std::int64_t c, const double* first, const double* second, const float* means, double epsilon, float& mean,
                float& inv_std) {
  const auto places = static_cast<double>(g.of_image.places);
  double m = 0, variance = 0;
  for (std::int64_t i = c; i < c + g.channels; ++i) m += first[i] + places * static_cast<double>(means[i]);
  m /= g.elements();
  for (std::int64_t i = c; i < c + g.channels; ++i) {
    const double off = m - static_cast<double>(means[i]);
    variance += second[i] + off * (places * off - 2.0 * first[i]);
  }
  variance = variance < 0.0 ? 0.0 : variance / g.elements();  // NaN stays
  mean = static_cast<float>(m);
  inv_std = static_cast<float>(1.0 / std::sqrt(variance + epsilon));
}

/// Mean, scale = gain / standard deviation, and shift of every channel of one image.
void fill_factors(const Groups& g, const Factors& factors, NormalizeTask& task, const float* mean, const float* inv_std, const float* gain,
                  const float* shift, const Lane& lane) {
  factors.fill(task, lane, [&](std::int64_t c) {
    const std::int64_t group = c / g.channels;
    return Factors::Channel{mean[group], inv_std[group] * (gain == nullptr ? 1.0F : gain[c]), shift == nullptr ? 0.0F : shift[c]};
  });
}

void forward(Emitter& emit) {
  const Groups g(emit.node().input_shape(0), emit.node().output_shape(1));
  const double epsilon = emit.node().number("epsilon");
  const auto x = emit.in(0), gain = emit.in(1), shift = emit.in(2), y = emit.out(0), mean = emit.out(1), inv_std = emit.out(2);
  const LaneSums sums(emit, g.of_image);
  const Factors factors(emit, g.of_image);
  const auto image = [=, moments = simd().normalize.moments, apply = simd().normalize.apply](const float* from, float* to, float* means,
                                                                                             float* deviations, const Lane& lane) {
    NormalizeTask task{.width = g.of_image.width, .floats = g.floats(), .x = from, .to = to, .sums = sums.cleared(lane)};
    normalization::estimate_means(from, g.of_image.places, g.of_image, sums.means(lane));
    task.mean = sums.means(lane);
    moments(task);
    sums.fold(lane);
    for (std::int64_t group = 0; group < g.count; ++group) {
      moments_of(g, group * g.channels, task.sums, task.sums + task.width, task.mean, epsilon, means[group], deviations[group]);
    }
    fill_factors(g, factors, task, means, deviations, gain ? gain.all(lane) : nullptr, shift ? shift.all(lane) : nullptr, lane);
    apply(task);
  };
  emit.rows(
      [=](const Lane& lane) {
        for (std::int64_t i = 0; i < lane.rows * g.images; ++i) {
          image(x.rows(lane) + i * g.floats(), y.rows(lane) + i * g.floats(), mean.rows(lane) + i * g.count,
                inv_std.rows(lane) + i * g.count, lane);
        }
      },
      {plan::writes(sums.scratch(), Access::own), plan::writes(factors.scratch(), Access::own)});
}

/// One image of the gradient.
struct GradientOfImage {
  Groups g;
  LaneSums sums;
  Factors factors;
  Operand gain;
  NormalizeBodies body = simd().normalize;

  void run(NormalizeTask task, const float* mean, const float* inv_std, double* gain_sums, double* shift_sums, const Lane& lane) const {
    const float* gains = gain ? gain.all(lane) : nullptr;
    fill_factors(g, factors, task, mean, inv_std, gains, nullptr, lane);
    task.sums = sums.cleared(lane);
    body.gradient_sums(task);
    sums.fold(lane);
    const double *first = task.sums, *second = task.sums + task.width;
    for (std::int64_t c = 0; c < g.of_image.channels; ++c) {
      if (shift_sums != nullptr) shift_sums[c] += first[c];
      if (gain_sums != nullptr) gain_sums[c] += second[c] * static_cast<double>(inv_std[c / g.channels]);
    }
    Factors::Slope slope{};
    factors.fill_gradient(task, lane, [&](std::int64_t c) {
      if (c % g.channels == 0) slope = of_group(c / g.channels, first, second, inv_std, gains);
      return slope;
    });
    body.gradient(task);
  }
  /// dx = inv_std * (gain * g - mean(gain * g) - h * mean(gain * g * h)), h = (x - mean) * inv_std.
  Factors::Slope of_group(std::int64_t group, const double* first, const double* second, const float* inv_std, const float* gains) const {
    double sum = 0, weighted = 0;
    for (std::int64_t c = group * g.channels; c < (group + 1) * g.channels; ++c) {
      const double factor = gains == nullptr ? 1.0 : static_cast<double>(gains[c]);
      sum += factor * first[c];
      weighted += factor * second[c];
    }
    const auto inverse = static_cast<double>(inv_std[group]);
    return {static_cast<float>(-inverse * inverse * inverse * weighted / g.elements()), static_cast<float>(-inverse * sum / g.elements())};
  }
};

void gradient(Emitter& emit) {
  const Groups g(emit.node().input_shape(1), emit.node().input_shape(2));
  const auto dy = emit.in(0), x = emit.in(1), mean = emit.in(2), inv_std = emit.in(3), dx = emit.out(0);
  const GradientOfImage image{g, LaneSums(emit, g.of_image), Factors(emit, g.of_image), emit.in(4)};
  std::vector<plan::Use> uses = {plan::writes(image.sums.scratch(), Access::own), plan::writes(image.factors.scratch(), Access::own)};
  const RowSum dgain(emit, 1, uses), dshift(emit, 2, uses);
  emit.summed_rows(
      [=](const Lane& lane) {
        double *gain_sums = dgain.at(lane), *shift_sums = dshift.at(lane);
        for (std::int64_t i = 0; i < lane.rows * g.images; ++i) {
          const std::int64_t at = i * g.floats();
          image.run(
              {.width = g.of_image.width, .floats = g.floats(), .x = x.rows(lane) + at, .dy = dy.rows(lane) + at, .to = dx.rows(lane) + at},
              mean.rows(lane) + i * g.count, inv_std.rows(lane) + i * g.count, gain_sums, shift_sums, lane);
        }
        dgain.finish(lane);
        dshift.finish(lane);
      },
      uses);
}

std::string refuses(const ir::Node& node) { return node.output()->is_batched() ? "" : "the tensor has no batch axis"; }

}  // namespace

Kernels group_normalization_kernels() {
  return {{"GroupNormalization", "group_normalization", refuses, forward},
          {"GroupNormalizationGrad", "group_normalization_grad", refuses, gradient}};
}

}  // namespace n2d2::cpu
