// Rows of tiles of inputs, transformed to places.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/winograd.h"

namespace n2d2::cpu::N2D2_ISA {

#if defined(__AVX512F__)
/// Transforms a row of tiles and puts them where `put` says.
template <class Rows, class Columns, class Put>
static inline void transform_inputs(const WinogradInput& input, std::int64_t tiles, const Put& put) {
  constexpr int kDown = Rows::kSide, kAcross = Columns::kSide, kStep = Columns::kOutputs;
  for (std::int64_t c = 0; c < input.channels; c += kLanes) {
    const int part = input.channels - c < kLanes ? static_cast<int>(input.channels - c) : kLanes;
    Vec t[kDown][kAcross];  // transformed along the columns; the last two are the next tile's first
    const auto column = [&](int j, std::int64_t offset) {
      const std::int64_t at = input.first + offset;
      Vec from[kDown] = {}, line[kDown];
      if (at >= 0 && at < input.columns) {
#pragma GCC unroll 6
        for (int i = 0; i < kDown; ++i) {
          const float* one = input.rows[i] + at * input.channels + c;
          from[i] = part == kLanes ? load(one) : load_part(one, part);
        }
      }
      Rows::inputs(from, line);
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) t[i][j] = line[i];
    };
    column(kStep, 0);
    column(kStep + 1, 1);
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) {
        t[i][0] = t[i][kStep];
        t[i][1] = t[i][kStep + 1];
      }
#pragma GCC unroll 4
      for (int j = 2; j < kAcross; ++j) column(j, tile * kStep + j);
      float* const first = put.at(tile, c);
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i) {
        Vec line[kAcross];
        Columns::inputs(t[i], line);
#pragma GCC unroll 6
        for (int j = 0; j < kAcross; ++j) store(first + i * put.row() + j * put.column(), line[j]);
      }
    }
  }
}
#else
/// Columns of inputs, of one vector of channels, transformed down, from column `first` of the image on.
template <class Rows, bool kWhole, int kMost>
static inline void transform_columns(const WinogradInput& input, std::int64_t first, std::int64_t count, std::int64_t c, int part,
                                     Vec (&to)[Rows::kSide][kMost]) {
  constexpr int kDown = Rows::kSide;
  const float* rows[kDown];
  for (int i = 0; i < kDown; ++i) rows[i] = input.rows[i] + c;
  for (std::int64_t j = 0; j < count; ++j) {
    const std::int64_t at = first + j;
    Vec from[kDown] = {}, line[kDown];
    if (at >= 0 && at < input.columns) {
#pragma GCC unroll 6
      for (int i = 0; i < kDown; ++i)
        from[i] = kWhole ? load(rows[i] + at * input.channels) : load_part(rows[i] + at * input.channels, part);
    }
    Rows::inputs(from, line);
#pragma GCC unroll 6
    for (int i = 0; i < kDown; ++i) to[i][j] = line[i];
  }
}

/// Transforms a row of tiles and puts them where `put` says: first down, then across, since the registers do not take a tile.
template <class Rows, class Columns, class Put>
static inline void transform_inputs(const WinogradInput& input, std::int64_t tiles, const Put& put) {
  constexpr int kDown = Rows::kSide, kAcross = Columns::kSide, kStep = Columns::kOutputs, kMost = 32 / kStep;
  const std::int64_t row = put.row(), column = put.column();
  Vec columns[kDown][kMost * kStep + 2];
  for (std::int64_t first = 0; first < tiles; first += kMost) {
    const std::int64_t count = tiles - first < kMost ? tiles - first : kMost;
    for (std::int64_t c = 0; c < input.channels; c += kLanes) {
      const int part = input.channels - c < kLanes ? static_cast<int>(input.channels - c) : kLanes;
      const auto down =
          part == kLanes ? transform_columns<Rows, true, kMost * kStep + 2> : transform_columns<Rows, false, kMost * kStep + 2>;
      down(input, input.first + first * kStep, count * kStep + 2, c, part, columns);
      for (std::int64_t tile = 0; tile < count; ++tile) {
        float* to = put.at(first + tile, c);
#pragma GCC unroll 6
        for (int i = 0; i < kDown; ++i, to += row) {
          Vec from[kAcross], line[kAcross];
#pragma GCC unroll 6
          for (int j = 0; j < kAcross; ++j) from[j] = columns[i][tile * kStep + j];
          Columns::inputs(from, line);
#pragma GCC unroll 6
          for (int j = 0; j < kAcross; ++j) store(to + j * column, line[j]);
        }
      }
    }
  }
}
#endif

}  // namespace n2d2::cpu::N2D2_ISA
