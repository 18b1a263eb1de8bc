// Average pools over channels-last activations, and sums over places.
#include "n2d2/backends/cpu/simd/average.h"

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec_double.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr int kMost = kLanes == 16 ? 4 : 2;  // vectors of channels whose sums fit into the registers
constexpr std::int64_t kChunk = 16;          // pixels that are summed in float

/// The sums of kVecs vectors of channels; the last one holds `last` of them.
template <int kVecs>
struct Sums {
  Doubles total[kVecs];

  Sums(const AverageWindow& w, const float* from, int last) : total{} {
    for (std::int64_t row = 0; row < w.rows; ++row, from += w.row_step) {
      for (std::int64_t column = 0; column < w.columns; column += kChunk) {
        const std::int64_t end = w.columns - column < kChunk ? w.columns : column + kChunk;
        Vec part[kVecs] = {};
        for (std::int64_t q = column; q < end; ++q) {
#pragma GCC unroll 4
          for (int j = 0; j < kVecs; ++j) part[j] += load_row(from + q * w.column_step + j * kLanes, j + 1 < kVecs ? kLanes : last);
        }
#pragma GCC unroll 4
        for (int j = 0; j < kVecs; ++j) {
          const Doubles wide = widen(part[j]);
          total[j].low += wide.low;
          total[j].high += wide.high;
        }
      }
    }
  }
  void finish(double divisor, int last, float* to) const {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) {
      store_row(to + j * kLanes, j + 1 < kVecs ? kLanes : last, narrow({total[j].low / divisor, total[j].high / divisor}));
    }
  }
  void finish(int last, double* to) const {
    for (int j = 0; j < kVecs; ++j) {
      double lanes[kLanes];
      __builtin_memcpy(lanes, &total[j], sizeof lanes);
      for (int i = 0; i < (j + 1 < kVecs ? kLanes : last); ++i) to[j * kLanes + i] += lanes[i];
    }
  }
};

/// A small window: in float altogether.
template <int kVecs>
static inline void mean_of_few(const AverageWindow& w, const float* from, float divisor, int last, float* to) {
  Vec part[kVecs] = {};
  for (std::int64_t row = 0; row < w.rows; ++row, from += w.row_step) {
    for (std::int64_t column = 0; column < w.columns; ++column) {
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) part[j] += load_row(from + column * w.column_step + j * kLanes, j + 1 < kVecs ? kLanes : last);
    }
  }
#pragma GCC unroll 4
  for (int j = 0; j < kVecs; ++j) store_row(to + j * kLanes, j + 1 < kVecs ? kLanes : last, part[j] / divisor);
}

template <int kVecs>
static inline void sum_all(const AverageWindow& w, const float* from, double divisor, int last, float* to) {
  if (w.rows * w.columns <= kChunk) return mean_of_few<kVecs>(w, from, static_cast<float>(divisor), last, to);
  Sums<kVecs>(w, from, last).finish(divisor, last, to);
}
template <int kVecs>
static inline void sum_all(const AverageWindow& w, const float* from, double, int last, double* to) {
  Sums<kVecs>(w, from, last).finish(last, to);
}

template <int kVecs, class Number>
void sum_channels(const AverageWindow& w, const float* from, double divisor, int last, Number* to) {
  if (last == kLanes) return sum_all<kVecs>(w, from, divisor, kLanes, to);
  sum_all<kVecs>(w, from, divisor, last, to);
}

template <class Number>
void sum_window(const AverageWindow& w, const float* from, double divisor, Number* to) {
  using Body = void (*)(const AverageWindow&, const float*, double, int, Number*);
  constexpr Body kBodies[4] = {sum_channels<1, Number>, sum_channels<2, Number>, sum_channels < kMost == 4 ? 3 : 2, Number >,
                               sum_channels<kMost, Number>};
  for (std::int64_t c = 0; c < w.channels; c += kMost * kLanes) {
    const std::int64_t width = w.channels - c < kMost * kLanes ? w.channels - c : kMost * kLanes;
    const auto vecs = static_cast<int>((width + kLanes - 1) / kLanes);
    kBodies[vecs - 1](w, from + w.pixel + c, divisor, static_cast<int>(width - (vecs - 1) * kLanes), to + c);
  }
}

void mean(const AverageWindow& w, const float* from, double divisor, float* to) { sum_window(w, from, divisor, to); }
void add(const AverageWindow& w, const float* from, double* to) { sum_window(w, from, 1.0, to); }

double sum_neighbours(const float* from, std::int64_t n) {
  Doubles total{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Doubles wide = widen(load_row(from + i, n - i));
    total.low += wide.low;
    total.high += wide.high;
  }
  return sum(total.low + total.high);
}

template <bool adds, bool whole>
static inline void spread_vector(const AverageWindow& w, Vec share, int rest, float* to) {
  for (std::int64_t row = 0; row < w.rows; ++row, to += w.row_step) {
    float* pixel = to;
    for (std::int64_t column = 0; column < w.columns; ++column, pixel += w.column_step) {
      if (whole) {
        store(pixel, adds ? load(pixel) + share : share);
      } else {
        store_part(pixel, rest, adds ? load_part(pixel, rest) + share : share);
      }
    }
  }
}

template <bool adds>
void spread_to(const AverageWindow& w, const float* from, float divisor, float* to) {
  std::int64_t c = 0;
  for (; c + kLanes <= w.channels; c += kLanes) spread_vector<adds, true>(w, load(from + c) / divisor, kLanes, to + c);
  const int rest = static_cast<int>(w.channels - c);
  if (rest > 0) spread_vector<adds, false>(w, load_part(from + c, rest) / divisor, rest, to + c);
}

void spread(const AverageWindow& w, const float* from, float divisor, bool adds, float* to) {
  adds ? spread_to<true>(w, from, divisor, to + w.pixel) : spread_to<false>(w, from, divisor, to + w.pixel);
}

}  // namespace

void add_average(Simd& table);
void add_average(Simd& table) { table.average = {mean, add, sum_neighbours, spread}; }

}  // namespace n2d2::cpu::N2D2_ISA
