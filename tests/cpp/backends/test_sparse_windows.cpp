// The gradient of a convolution's input from marked gradients behind a max-pool, window by window, for any number of outputs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "reference_convolution.h"

namespace n2d2::cpu {
namespace {

constexpr std::int64_t kRows = 3, kColumns = 4;  // of windows

void compare(const Simd& simd, int pool, int kernel, std::int64_t channels, std::int64_t outputs) {
  const std::int64_t places = pool * pool, taps = kernel * kernel, windows = kRows * kColumns, lanes = simd.lanes;
  const std::int64_t width = (kColumns * pool + kernel - 1), height = kRows * pool + kernel - 1;
  std::vector<float> dy, weights;
  std::vector<std::uint8_t> argmax;
  for (std::int64_t i = 0; i < windows * outputs; ++i) {
    const float value = tests::wave(i, 1);
    dy.push_back(value < 0.2F ? 0.0F : value);
    argmax.push_back(static_cast<std::uint8_t>(i * 7 % 11 % places));
  }
  for (std::int64_t i = 0; i < channels * outputs * taps; ++i) weights.push_back(tests::wave(i, 2));
  std::vector<double> expected(static_cast<std::size_t>(height * width * channels), 0.0);
  for (std::int64_t i = 0; i < windows * outputs; ++i) {
    const std::int64_t window = i / outputs, output = i % outputs, place = argmax[static_cast<std::size_t>(i)];
    for (std::int64_t tap = 0; tap < taps; ++tap) {
      const std::int64_t row = window / kColumns * pool + place / pool + tap / kernel;
      const std::int64_t column = window % kColumns * pool + place % pool + tap % kernel;
      for (std::int64_t c = 0; c < channels; ++c) {
        const std::int64_t weight = ((c / lanes * outputs + output) * taps + tap) * lanes + c % lanes;
        expected[static_cast<std::size_t>((row * width + column) * channels + c)] +=
            double{dy[static_cast<std::size_t>(i)]} * double{weights[static_cast<std::size_t>(weight)]};
      }
    }
  }
  std::vector<std::uint32_t> bits(static_cast<std::size_t>((outputs + 31) / 32 * windows * places));
  simd.mark_places({.dy = dy.data(), .argmax = argmax.data(), .windows = windows, .channels = outputs, .places = static_cast<int>(places)},
                   bits.data());
  std::vector<float> image(expected.size(), -1.0F);
  simd.sparse_windows({.pool = pool,
                       .kernel = kernel,
                       .bits = bits.data(),
                       .dy = dy.data(),
                       .rows = kRows,
                       .columns = kColumns,
                       .weights = weights.data(),
                       .outputs = outputs,
                       .channels = channels,
                       .image = image.data(),
                       .image_row = width * channels});
  double worst = 0, largest = 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(double{image[i]} - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  CHECK(worst <= 2e-6 * largest);
}

}  // namespace

TEST_CASE("sums of a window's patches, for outputs of one word of marks, of two, and of more") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    for (const auto& [pool, kernel] : {std::pair{2, 1}, {2, 2}, {2, 3}, {3, 2}, {3, 3}}) {
      for (const std::int64_t outputs : {16, 32, 33, 40, 64, 65, 96, 97, 130}) {
        for (const std::int64_t channels : {table->lanes, 2 * table->lanes}) {
          CAPTURE(std::string(isa));
          CAPTURE(pool);
          CAPTURE(kernel);
          CAPTURE(outputs);
          REQUIRE(table->has_sparse_windows(pool, kernel, channels));
          compare(*table, pool, kernel, channels, outputs);
        }
      }
    }
  }
}

}  // namespace n2d2::cpu
