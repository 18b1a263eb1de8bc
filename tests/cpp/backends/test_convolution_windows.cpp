// The two kernels of a convolution with a max-pool behind it give the same bits, and so do copies that transpose.
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "reference_convolution.h"

namespace n2d2::cpu {
namespace {

struct Case {
  std::int64_t inputs, outputs, kernel[2], rows, columns;  // of windows
};

const Case kCases[] = {{3, 6, {5, 5}, 14, 14}, {1, 1, {3, 3}, 1, 1},   {2, 5, {4, 3}, 3, 17}, {4, 2, {3, 4}, 5, 9},  {8, 3, {3, 3}, 40, 33},
                       {5, 4, {9, 1}, 2, 4},   {6, 6, {1, 9}, 3, 100}, {3, 6, {7, 7}, 9, 96}, {3, 4, {2, 5}, 7, 500}};

void compare(const Simd& simd, const Case& c, bool relu) {
  const std::int64_t width = 2 * c.columns + c.kernel[1] - 1 + 3, height = 2 * c.rows + c.kernel[0] - 1, taps = c.kernel[0] * c.kernel[1];
  std::vector<float> x, weights, bias;
  for (std::int64_t i = 0; i < width * height * c.inputs; ++i) x.push_back(tests::wave(i, 1));
  for (std::int64_t i = 0; i < taps * c.inputs * c.outputs; ++i) weights.push_back(tests::wave(i, 2));
  for (std::int64_t i = 0; i < c.outputs; ++i) bias.push_back(tests::wave(i, 3));
  std::vector<std::int64_t> tap_floats, runs;
  for (std::int64_t t = 0; t < taps; ++t) tap_floats.push_back(t);
  for (std::int64_t p = 0; p < c.kernel[0]; ++p) runs.push_back(p * width * c.inputs);
  std::vector<float> packed(static_cast<std::size_t>(simd.conv.packed_floats(taps * c.inputs, c.outputs)));
  simd.conv.pack({weights.data(), tap_floats.data(), taps, taps, taps * c.inputs, c.inputs, c.outputs}, 0, c.outputs, packed.data());

  const std::size_t results = static_cast<std::size_t>(c.rows * c.columns * c.outputs);
  std::vector<float> expected(results, -1.0F), y(results, -2.0F);
  std::vector<std::uint8_t> places(results, 7), argmax(results, 8);
  simd.conv.run_pooled({.x = x.data(),
                        .x_row = width * c.inputs,
                        .x_step = c.inputs,
                        .runs = runs.data(),
                        .run_count = c.kernel[0],
                        .run_floats = c.kernel[1] * c.inputs,
                        .weights = packed.data(),
                        .bias = relu ? bias.data() : nullptr,
                        .relu = relu,
                        .y = expected.data(),
                        .y_row = c.columns * c.outputs,
                        .y_step = c.outputs,
                        .rows = 2 * c.rows,
                        .columns = 2 * c.columns,
                        .channels = c.outputs},
                       places.data());
  ConvWindowsTask task{.x = x.data(),
                       .x_row = width * c.inputs,
                       .inputs = c.inputs,
                       .kernel = {c.kernel[0], c.kernel[1]},
                       .weights = packed.data(),
                       .bias = relu ? bias.data() : nullptr,
                       .relu = relu,
                       .rows = c.rows,
                       .columns = c.columns,
                       .channels = c.outputs,
                       .y = y.data(),
                       .argmax = argmax.data()};
  std::vector<float> scratch(static_cast<std::size_t>(task.scratch_floats()));
  task.scratch = scratch.data();
  simd.conv.run_windows(task);
  CHECK(y == expected);
  CHECK(argmax == places);
}

/// From [n, m] to [m, n], whose rows lie `gap` floats further apart than they are long; what lies between them stays.
void check_transpose(const Simd& table, std::int64_t m, std::int64_t n, std::int64_t gap) {
  const std::int64_t to_row = n + gap;
  std::vector<float> from, expected(static_cast<std::size_t>(m * to_row), -1.0F), to(expected);
  for (std::int64_t i = 0; i < m * n; ++i) from.push_back(static_cast<float>(i));
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t j = 0; j < n; ++j) expected[static_cast<std::size_t>(i * to_row + j)] = static_cast<float>(i + j * m);
  }
  table.transpose(from.data(), m, to.data(), to_row, m, n);
  CAPTURE(std::string(table.isa));
  CAPTURE(m);
  CAPTURE(n);
  CHECK(to == expected);
}

}  // namespace

TEST_CASE("lanes for windows give the bits of lanes for channels") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    for (const Case& c : kCases) {
      CAPTURE(std::string(isa));
      CAPTURE(c.columns);
      compare(*table, c, true);
      compare(*table, c, false);
    }
  }
}

TEST_CASE("copies transpose matrices of any extents") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 19, 35}) {
      for (const std::int64_t columns : {1, 5, 8, 16, 37, 64}) {
        for (const std::int64_t gap : {0, 3}) {
          check_transpose(*table, rows, columns, gap);
          check_transpose(*table, columns, rows, gap);
        }
      }
    }
  }
}

}  // namespace n2d2::cpu
