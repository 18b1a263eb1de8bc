// Batch normalisation of every instruction set against double loops, for channels around the lengths of vectors.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

std::vector<float> numbers(std::int64_t n, std::uint32_t seed, double middle = 0.0) {
  std::vector<float> all(static_cast<std::size_t>(n));
  std::mt19937 random(seed);
  for (float& number : all) number = static_cast<float>(middle + static_cast<double>(random()) / 2147483648.0 - 1.0);
  return all;
}

/// Buffers of exactly the size that may be read, so that a sanitizer sees whatever lies behind them.
struct Case {
  std::int64_t channels, floats, width;
  std::vector<float> x, dy, to, mean, scale, shift, slope, constant;
  std::vector<double> sums;
  NormalizeTask task;

  Case(const NormalizeBodies& bodies, std::int64_t c, std::int64_t places, bool relu)
      : channels(c),
        floats(c * places),
        width(bodies.width(c)),
        x(numbers(floats, 1, 3.0)),
        dy(numbers(floats, 2)),
        to(x.size()),
        mean(per_channel(3, 3.0)),
        scale(per_channel(4)),
        shift(per_channel(5)),
        slope(per_channel(6)),
        constant(per_channel(7)),
        sums(static_cast<std::size_t>(2 * width)) {
    task = {.width = width,
            .floats = floats,
            .x = x.data(),
            .dy = dy.data(),
            .mean = mean.data(),
            .scale = scale.data(),
            .shift = shift.data(),
            .slope = slope.data(),
            .constant = constant.data(),
            .relu = relu,
            .to = to.data(),
            .sums = sums.data()};
  }
  std::vector<float> per_channel(std::uint32_t seed, double middle = 0.0) const {
    std::vector<float> all = numbers(channels, seed, middle);
    for (std::int64_t i = channels; i < width; ++i) all.push_back(all[static_cast<std::size_t>(i - channels)]);
    return all;
  }
  double off(std::int64_t i) const { return static_cast<double>(task.x[i]) - static_cast<double>(task.mean[i % channels]); }
  double y(std::int64_t i) const {
    return off(i) * static_cast<double>(task.scale[i % channels]) + static_cast<double>(task.shift[i % channels]);
  }
  double incoming(std::int64_t i) const { return task.relu && y(i) <= 0 ? 0.0 : static_cast<double>(task.dy[i]); }
  /// The sum `which` of channel c, of all places that a vector body took as one.
  double folded(int which, std::int64_t c) const {
    double total = 0;
    for (std::int64_t i = c; i < width; i += channels) total += sums[static_cast<std::size_t>(which * width + i)];
    return total;
  }
  template <class First, class Second>
  void check_sums(const First& first, const Second& second) const {
    for (std::int64_t c = 0; c < channels; ++c) {
      double expected[2] = {}, terms[2] = {};
      for (std::int64_t i = c; i < floats; i += channels) {
        expected[0] += first(i);
        expected[1] += second(i);
        terms[0] += std::abs(first(i));
        terms[1] += std::abs(second(i));
      }
      for (int which = 0; which < 2; ++which) CHECK(std::abs(folded(which, c) - expected[which]) <= 4e-7 * terms[which]);
    }
  }
};

}  // namespace

TEST_CASE("batch normalisation: sums and maps") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    const NormalizeBodies& bodies = table->normalize;
    for (const std::int64_t channels : {1, 2, 3, 5, 7, 8, 10, 12, 15, 16, 17, 20, 31, 32, 33, 48, 64, 65, 100, 130}) {
      for (const std::int64_t places : {1, 2, 7, 129, 300}) {
        for (const bool relu : {false, true}) {
          CAPTURE(isa);
          CAPTURE(channels);
          CAPTURE(places);
          CAPTURE(relu);
          Case c(bodies, channels, places, relu);
          bodies.moments(c.task);
          c.check_sums([&](std::int64_t i) { return c.off(i); }, [&](std::int64_t i) { return c.off(i) * c.off(i); });
          std::fill(c.sums.begin(), c.sums.end(), 0.0);
          bodies.gradient_sums(c.task);
          c.check_sums([&](std::int64_t i) { return c.incoming(i); }, [&](std::int64_t i) { return c.incoming(i) * c.off(i); });
          bodies.apply(c.task);
          double error = 0;
          for (std::int64_t i = 0; i < c.floats; ++i) {
            error = std::max(error, std::abs(static_cast<double>(c.task.to[i]) - (relu && c.y(i) <= 0 ? 0.0 : c.y(i))));
          }
          CHECK(error < 5e-7);
          c.task.added = c.dy.data();
          bodies.apply(c.task);
          for (std::int64_t i = 0; i < c.floats; ++i) {
            const double sum = c.y(i) + static_cast<double>(c.task.dy[i]);
            error = std::max(error, std::abs(static_cast<double>(c.task.to[i]) - (relu && sum <= 0 ? 0.0 : sum)));
          }
          CHECK(error < 5e-7);
          bodies.gradient(c.task);
          error = 0;
          for (std::int64_t i = 0; i < c.floats; ++i) {
            const double expected = c.incoming(i) * static_cast<double>(c.task.scale[i % channels]) +
                                    c.off(i) * static_cast<double>(c.task.slope[i % channels]) +
                                    static_cast<double>(c.task.constant[i % channels]);
            error = std::max(error, std::abs(static_cast<double>(c.task.to[i]) - expected));
          }
          CHECK(error < 5e-7);
        }
      }
    }
  }
}

}  // namespace n2d2::cpu
