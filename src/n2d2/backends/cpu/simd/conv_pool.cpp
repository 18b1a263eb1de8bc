// Convolutions with a 2x2 max-pool behind them: what a window chooses from never leaves the registers.
#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

const Simd& table();

namespace {

/// Vectors of kLanes floats.
struct Whole {
  using V = Vec;
  using Best = MaxPlace;
  static constexpr int kWidth = kLanes;
#if defined(__AVX512F__)
  static constexpr int kMost[3] = {0, 7, 3};  // windows of a tile, by vectors of channels: four accumulators each
#else
  static constexpr int kMost[3] = {0, 3, 1};
#endif
  static inline V get(const float* p) { return load(p); }
  static inline V get_part(const float* p, int n) { return load_part(p, n); }
  static inline Best first(V v) { return {v, VecInt{}}; }
};

#if defined(__AVX512F__)
struct Half {
  using V = VecHalf;
  using Best = MaxPlaceHalf;
  static constexpr int kWidth = kLanes / 2;
  static constexpr int kMost[3] = {0, 7, 3};
  static inline V get(const float* p) { return load_half(p); }
  static inline V get_part(const float* p, int n) { return load_half_part(p, n); }
  static inline Best first(V v) { return {v, _mm256_setzero_si256()}; }
};
#endif

struct Tile {
  const ConvTask* task;
  const float* x;
  const float* weights;
  const float* bias;
  float* y;
  std::uint8_t* argmax;
  int last;  // channels of the last vector
};

#if !defined(__AVX512F__)
/// Chooses from what each window has.
template <int kColumns, int kVecs>
static inline void put(const ConvTask& task, const Vec (&sums)[2][kColumns][kVecs], float* y, std::uint8_t* argmax, int last) {
  VecInt nan{};
#pragma GCC unroll 6
  for (int i = 0; i < kColumns; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) nan |= either_nan(sums[0][i][j], sums[1][i][j]);
  }
  const bool has_nan = any(nan);
  const Vec least = splat(task.relu ? 0.0F : -__builtin_inff());
#pragma GCC unroll 3
  for (int i = 0; i < kColumns; i += 2, y += task.y_step, argmax += task.y_step) {
    if (__builtin_expect(has_nan, 0)) {
#pragma GCC unroll 2
      for (int j = 0; j < kVecs; ++j) {
        MaxPlace best{sums[0][i][j], VecInt{}};
        best.consider(sums[0][i + 1][j], 1);
        best.consider(sums[1][i][j], 2);
        best.consider(sums[1][i + 1][j], 3);
        if (task.relu) best.relu();
        best.put(y + j * kLanes, argmax + j * kLanes, j + 1 < kVecs ? kLanes : last);
      }
      continue;
    }
    MaxOfFour first(sums[0][i][0], sums[0][i + 1][0], sums[1][i][0], sums[1][i + 1][0]);
    first.value = larger(first.value, least);
    if constexpr (kVecs == 1) {
      first.put(y, argmax, last);
    } else {
      MaxOfFour second(sums[0][i][1], sums[0][i + 1][1], sums[1][i][1], sums[1][i + 1][1]);
      second.value = larger(second.value, least);
      store(y, first.value);
      if (last == kLanes) {
        store(y + kLanes, second.value);
        put_places(first, second, argmax);
      } else {
        store_bytes(argmax, kLanes, -first.minus_place);
        second.put(y + kLanes, argmax + kLanes, last);
      }
    }
  }
}
#endif

template <class L, int kWindows, int kVecs>
void tile(const Tile& t) {
  using V = typename L::V;
  constexpr int kColumns = 2 * kWindows, kGroups = (kColumns + 3) / 4;
  const ConvTask& task = *t.task;
  V sums[2][kColumns][kVecs];
#pragma GCC unroll 2
  for (int j = 0; j < kVecs; ++j) {
    V start{};
    if (t.bias != nullptr) start = j + 1 < kVecs ? L::get(t.bias + j * L::kWidth) : L::get_part(t.bias + j * L::kWidth, t.last);
#pragma GCC unroll 14
    for (int i = 0; i < kColumns; ++i) sums[0][i][j] = sums[1][i][j] = start;
  }
  const float* w = t.weights;
  const std::int64_t step = task.x_step, step3 = 3 * task.x_step;
  for (std::int64_t r = 0; r < task.run_count; ++r) {
    // A pointer for every four columns: the others are reached by the scales of an address.
    const float* x[2][kGroups];
#pragma GCC unroll 2
    for (int row = 0; row < 2; ++row) {
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) {
        x[row][g] = t.x + row * task.x_row + task.runs[r] + 4 * g * step;
        asm("" : "+r"(x[row][g]));
      }
    }
    for (std::int64_t k = 0; k < task.run_floats; ++k, w += kVecs * L::kWidth) {
      V weights[kVecs];
#pragma GCC unroll 2
      for (int j = 0; j < kVecs; ++j) weights[j] = L::get(w + j * L::kWidth);
#pragma GCC unroll 2
      for (int row = 0; row < 2; ++row) {
#pragma GCC unroll 14
        for (int i = 0; i < kColumns; ++i) {
          const float factor = x[row][i / 4][i % 4 == 3 ? step3 : (i % 4) * step];
#pragma GCC unroll 2
          for (int j = 0; j < kVecs; ++j) sums[row][i][j] += weights[j] * factor;
        }
#pragma GCC unroll 4
        for (int g = 0; g < kGroups; ++g) ++x[row][g];
      }
    }
  }
#if defined(__AVX512F__)
#pragma GCC unroll 7
  for (int i = 0; i < kWindows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) {
      auto best = L::first(sums[0][2 * i][j]);
      best.consider(sums[0][2 * i + 1][j], 1);
      best.consider(sums[1][2 * i][j], 2);
      best.consider(sums[1][2 * i + 1][j], 3);
      if (task.relu) best.relu();
      best.put(t.y + i * task.y_step + j * L::kWidth, t.argmax + i * task.y_step + j * L::kWidth, j + 1 < kVecs ? L::kWidth : t.last);
    }
  }
#else
  put(task, sums, t.y, t.argmax, t.last);
#endif
}

#if !defined(__AVX512F__)
/// All windows of a row, one by one, two vectors of channels: too little work each for a call.
void row_of_two(const Tile& t, std::int64_t windows) {
  const ConvTask& task = *t.task;
  Vec start[2] = {};
  if (t.bias != nullptr) {
    start[0] = load(t.bias);
    start[1] = load_part(t.bias + kLanes, t.last);
  }
  const std::int64_t run_floats = task.run_floats, run_count = task.run_count, y_step = task.y_step, advance = 2 * task.x_step;
  const std::int64_t* runs = task.runs;
  const float* x[2][2] = {{t.x, t.x + task.x_step}, {t.x + task.x_row, t.x + task.x_row + task.x_step}};
  float* y = t.y;
  std::uint8_t* argmax = t.argmax;
  for (; windows > 0; --windows, y += y_step, argmax += y_step) {
    Vec sums[2][2][2] = {{{start[0], start[1]}, {start[0], start[1]}}, {{start[0], start[1]}, {start[0], start[1]}}};
    const float* w = t.weights;
    for (std::int64_t r = 0; r < run_count; ++r) {
      for (std::int64_t at = runs[r], end = at + run_floats; at < end; ++at, w += 2 * kLanes) {
        const Vec weights[2] = {load(w), load(w + kLanes)};
#pragma GCC unroll 2
        for (int row = 0; row < 2; ++row) {
#pragma GCC unroll 2
          for (int i = 0; i < 2; ++i) {
            const float factor = x[row][i][at];
            sums[row][i][0] += weights[0] * factor;
            sums[row][i][1] += weights[1] * factor;
          }
        }
      }
    }
    put(task, sums, y, argmax, t.last);
#pragma GCC unroll 2
    for (int row = 0; row < 2; ++row) {
      x[row][0] += advance;
      x[row][1] += advance;
    }
  }
}
#endif

using Body = void (*)(const Tile&);
template <class L>
struct Tiles {
#if defined(__AVX512F__)
  static constexpr Body kOne[] = {tile<L, 1, 1>, tile<L, 2, 1>, tile<L, 3, 1>, tile<L, 4, 1>, tile<L, 5, 1>, tile<L, 6, 1>, tile<L, 7, 1>};
  static constexpr Body kTwo[] = {tile<L, 1, 2>, tile<L, 2, 2>, tile<L, 3, 2>};
#else
  static constexpr Body kOne[] = {tile<L, 1, 1>, tile<L, 2, 1>, tile<L, 3, 1>};
#endif
};

template <class L>
void run_with(const ConvTask& task, std::uint8_t* argmax) {
  const std::int64_t inputs = task.run_count * task.run_floats, windows = task.columns / 2;
  for (std::int64_t m = 0; m < task.channels; m += 2 * L::kWidth) {
    const std::int64_t left = task.channels - m < 2 * L::kWidth ? task.channels - m : 2 * L::kWidth;
    const int vecs = left > L::kWidth ? 2 : 1;
#if defined(__AVX512F__)
    const Body* bodies = vecs == 2 ? Tiles<L>::kTwo : Tiles<L>::kOne;
#else
    const Body* bodies = Tiles<L>::kOne;
#endif
    const std::int64_t tiles = (windows + L::kMost[vecs] - 1) / L::kMost[vecs];
    Tile t{.task = &task,
           .x = nullptr,
           .weights = task.weights + m * inputs,
           .bias = task.bias == nullptr ? nullptr : task.bias + m,
           .y = nullptr,
           .argmax = nullptr,
           .last = static_cast<int>(left - (vecs - 1) * L::kWidth)};
#if !defined(__AVX512F__)
    if (vecs == 2) {
      for (std::int64_t row = 0; row < task.rows / 2; ++row) {
        const std::int64_t to = row * task.y_row + m;
        t.x = task.x + 2 * row * task.x_row;
        t.y = task.y + to;
        t.argmax = argmax + to;
        row_of_two(t, windows);
      }
      continue;
    }
#endif
    for (std::int64_t row = 0; row < task.rows / 2; ++row) {
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t begin = windows * i / tiles, end = windows * (i + 1) / tiles;
        const std::int64_t to = row * task.y_row + begin * task.y_step + m;
        t.x = task.x + 2 * row * task.x_row + 2 * begin * task.x_step;
        t.y = task.y + to;
        t.argmax = argmax + to;
        bodies[end - begin - 1](t);
      }
    }
  }
}

void run_pooled(const ConvTask& task, std::uint8_t* argmax) {
#if defined(__AVX512F__)
  if (table().conv.panel(task.channels) == 2 * Half::kWidth) return run_with<Half>(task, argmax);
#endif
  run_with<Whole>(task, argmax);
}

}  // namespace

void add_conv_pool(Simd& table);
void add_conv_pool(Simd& table) { table.conv.run_pooled = run_pooled; }

}  // namespace n2d2::cpu::N2D2_ISA
