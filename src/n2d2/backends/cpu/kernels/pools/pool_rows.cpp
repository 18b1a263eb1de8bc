#include "n2d2/backends/cpu/kernels/pools/pool_rows.h"

#include <algorithm>

#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu {
namespace {

/// A window that reaches beyond the left or right border.
void pool_window(const PoolGeometry& pool, bool relu, std::int64_t i, std::int64_t j, const float* rows, std::int64_t ring, float* y,
                 std::uint8_t* argmax) {
  std::int64_t offsets[256];
  std::uint8_t places[256];
  int count = 0;
  pool.window(i, j, [&](std::int64_t place, std::int64_t pixel) {
    const std::int64_t row_floats = pool.width * pool.channels;
    offsets[count] = pixel / row_floats % ring * row_floats + pixel % row_floats;
    places[count] = static_cast<std::uint8_t>(place);
    ++count;
  });
  simd().max_pool(rows, offsets, places, count, pool.channels, relu, y, argmax);
}

}  // namespace

void pool_row(const PoolGeometry& pool, bool relu, std::int64_t i, const float* rows, std::int64_t ring, float* y, std::uint8_t* argmax) {
  const float* starts[256];
  MaxPoolRow row{.rows = starts, .relu = relu, .channels = pool.channels, .columns = static_cast<int>(pool.kernel[1])};
  for (std::int64_t p = 0; p < pool.kernel[0]; ++p) {
    const std::int64_t at = i * pool.strides[0] - pool.pads[0] + p * pool.dilations[0];
    if (at < 0 || at >= pool.height) continue;
    if (row.row_count == 0) row.first_place = static_cast<int>(p * pool.kernel[1]);
    starts[row.row_count++] = rows + at % ring * pool.width * pool.channels;
  }
  const std::int64_t reach = (pool.kernel[1] - 1) * pool.dilations[1] + 1;
  const std::int64_t begin = std::min(pool.out_width, (pool.pads[1] + pool.strides[1] - 1) / pool.strides[1]);
  const std::int64_t inside = pool.width + pool.pads[1] - reach;
  const std::int64_t end = std::max(begin, inside < 0 ? 0 : std::min(pool.out_width, inside / pool.strides[1] + 1));
  for (std::int64_t j = 0; j < pool.out_width; ++j) {
    if (j == begin) j = end;
    if (j < pool.out_width) pool_window(pool, relu, i, j, rows, ring, y + j * pool.channels, argmax + j * pool.channels);
  }
  if (begin == end) return;
  for (int p = 0; p < row.row_count; ++p) starts[p] += (begin * pool.strides[1] - pool.pads[1]) * pool.channels;
  row.step = pool.strides[1] * pool.channels;
  row.dilation = pool.dilations[1] * pool.channels;
  row.windows = end - begin;
  row.y = y + begin * pool.channels;
  row.argmax = argmax + begin * pool.channels;
  simd().max_pool_row(row);
}

}  // namespace n2d2::cpu
