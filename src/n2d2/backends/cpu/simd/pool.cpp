// Windows of a max-pool over channels-last activations, and its gradient.
#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

void max_pool(const float* x, const std::int64_t* offsets, const std::uint8_t* places, int count, std::int64_t channels, bool relu,
              float* y, std::uint8_t* argmax) {
  for (std::int64_t c = 0; c < channels; c += kLanes) {
    const int rest = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
    const bool whole = rest == kLanes;
    const float* first = x + offsets[0] + c;
    MaxPlace best = {whole ? load(first) : load_part(first, rest), VecInt{} + places[0]};
    for (int k = 1; k < count; ++k) {
      const float* pixel = x + offsets[k] + c;
      best.consider(whole ? load(pixel) : load_part(pixel, rest), places[k]);
    }
    if (relu) best.relu();
    best.put(y + c, argmax + c, rest);
  }
}

/// kRows x kColumns pixels a window; 0: as the row says.
template <int kRows, int kColumns, bool whole>
static inline void pool_channels(const MaxPoolRow row, std::int64_t c, int rest) {
  const int rows = kRows == 0 ? row.row_count : kRows, columns = kColumns == 0 ? row.columns : kColumns;
  const float* starts[kRows == 0 ? 256 : kRows];
  for (int p = 0; p < rows; ++p) starts[p] = row.rows[p];
  for (std::int64_t window = 0; window < row.windows; ++window) {
    const std::int64_t at = window * row.step + c;
    const auto pixel = [&](int p, int q) {
      const float* from = starts[p] + at + q * row.dilation;
      return whole ? load(from) : load_part(from, rest);
    };
    MaxPlace best = {pixel(0, 0), VecInt{} + row.first_place};
#pragma GCC unroll 3
    for (int p = 0; p < rows; ++p) {
#pragma GCC unroll 3
      for (int q = p == 0 ? 1 : 0; q < columns; ++q) best.consider(pixel(p, q), row.first_place + p * columns + q);
    }
    if (row.relu) best.relu();
    const std::int64_t to = window * row.channels + c;
    best.put(row.y + to, row.argmax + to, whole ? kLanes : rest);
  }
}

template <int kRows, int kColumns>
void pool_windows(const MaxPoolRow& row) {
  std::int64_t c = 0;
  for (; c + kLanes <= row.channels; c += kLanes) pool_channels<kRows, kColumns, true>(row, c, kLanes);
  if (c < row.channels) pool_channels<kRows, kColumns, false>(row, c, static_cast<int>(row.channels - c));
}

void max_pool_row(const MaxPoolRow& row) {
  if (row.row_count == 2 && row.columns == 2) return pool_windows<2, 2>(row);
  if (row.row_count == 3 && row.columns == 3) return pool_windows<3, 3>(row);
  pool_windows<0, 0>(row);
}

void max_pool_grad(const float* dy, const float* y, const std::uint8_t* argmax, const std::int64_t* offsets, const std::uint8_t* places,
                   int count, std::int64_t channels, bool add, float* dx) {
  const Vec zero{};
  for (std::int64_t c = 0; c < channels; c += kLanes) {
    const int rest = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
    const bool whole = rest == kLanes;
    Vec gradient = whole ? load(dy + c) : load_part(dy + c, rest);
    if (y != nullptr) gradient = (whole ? load(y + c) : load_part(y + c, rest)) <= zero ? zero : gradient;
    const VecInt chosen = load_bytes(argmax + c, rest);
    for (int k = 0; k < count; ++k) {
      float* pixel = dx + offsets[k] + c;
      Vec v = chosen == (VecInt{} + places[k]) ? gradient : zero;
      if (add) v += whole ? load(pixel) : load_part(pixel, rest);
      whole ? store(pixel, v) : store_part(pixel, rest, v);
    }
  }
}

}  // namespace

void add_pool(Simd& table);
void add_pool(Simd& table) {
  table.max_pool = max_pool;
  table.max_pool_row = max_pool_row;
  table.max_pool_grad = max_pool_grad;
}

}  // namespace n2d2::cpu::N2D2_ISA
