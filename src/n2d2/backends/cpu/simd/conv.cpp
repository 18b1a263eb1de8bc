// Direct convolutions in register tiles: inputs are broadcast, output channels are vectors.
#include "n2d2/backends/cpu/simd/conv.h"

#include "n2d2/backends/cpu/simd/add_inputs.h"
#include "n2d2/backends/cpu/simd/conv_weights.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr int kPanelVecs = 2;
#if defined(__AVX512F__)
constexpr int kAtOnce = 1;  // inputs that are added without a branch
#else
constexpr int kAtOnce = 4;
#endif

/// Vectors of kLanes floats.
struct Whole {
  using V = Vec;
  static constexpr int kWidth = kLanes;
#if defined(__AVX512F__)
  static constexpr int kMost[kPanelVecs + 1] = {0, 14, 14};  // columns of a tile, by vectors: accumulators fit the registers
#else
  static constexpr int kMost[kPanelVecs + 1] = {0, 12, 6};
#endif
  static inline V get(const float* p) { return load(p); }
  static inline V get_part(const float* p, int n) { return load_part(p, n); }
  static inline void put(float* p, V v) { store(p, v); }
  static inline void put_part(float* p, int n, V v) { store_part(p, n, v); }
};

#if defined(__AVX512F__)
struct Half {
  using V = VecHalf;
  static constexpr int kWidth = kLanes / 2;
  static constexpr int kMost[kPanelVecs + 1] = {0, 14, 14};
  static inline V get(const float* p) { return load_half(p); }
  static inline V get_part(const float* p, int n) { return load_half_part(p, n); }
  static inline void put(float* p, V v) { store_half(p, v); }
  static inline void put_part(float* p, int n, V v) { store_half_part(p, n, v); }
};
#endif

struct Tile {
  const ConvTask* task;
  const float* x;
  const float* weights;
  const float* bias;
  float* y;
  int last;      // channels of the last vector
  float* total;  // of parts, for all vectors of a tile
};

/// Adds the sums of a part to the total, which lies in memory; the first part begins it, the last one leaves it in `sums`.
template <class V, int kColumns, int kVecs>
static inline void add_part(V (&sums)[kColumns][kVecs], float* total, bool is_first, bool is_last) {
  const V zero{};
#pragma GCC unroll 14
  for (int i = 0; i < kColumns; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j, total += sizeof(V) / sizeof(float)) {
      V& at = *reinterpret_cast<V*>(total);
      if (!is_first) sums[i][j] += at;
      if (is_last) continue;
      at = sums[i][j];
      sums[i][j] = zero;
    }
  }
}

template <class L, bool kInParts, int kColumns, int kVecs>
void tile(const Tile& t) {
  using V = typename L::V;
  constexpr int kGroups = (kColumns + kPerPointer - 1) / kPerPointer;
  const ConvTask& task = *t.task;
  const bool whole = t.last == L::kWidth;
  V sums[kColumns][kVecs];
#pragma GCC unroll 2
  for (int j = 0; j < kVecs; ++j) {
    V start{};
    if (t.bias != nullptr) start = j + 1 < kVecs || whole ? L::get(t.bias + j * L::kWidth) : L::get_part(t.bias + j * L::kWidth, t.last);
#pragma GCC unroll 14
    for (int i = 0; i < kColumns; ++i) sums[i][j] = start;
  }
  // The lines that the next tile writes come while this one computes, else its stores would wait for memory.
#pragma GCC unroll 14
  for (int i = 0; i < kColumns; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) __builtin_prefetch(t.y + (kColumns + i) * task.y_step + j * L::kWidth, 1);
  }
  const float* w = t.weights;
  const std::int64_t step = task.x_step;
  for (std::int64_t r = 0; r < task.run_count; ++r) {
    const float* x[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) {
      x[g] = t.x + task.runs[r] + kPerPointer * g * step;
      asm("" : "+r"(x[g]));
    }
    for (std::int64_t k = 0, end; k < task.run_floats;) {
      end = kInParts && task.run_floats - k > ConvTask::kPart ? k + ConvTask::kPart : task.run_floats;
      for (; k + kAtOnce <= end; k += kAtOnce) add_inputs<L, kAtOnce>(x, step, w, sums);
      if constexpr (kAtOnce > 1) {
        for (; k < end; ++k) add_inputs<L, 1>(x, step, w, sums);
      }
      if constexpr (kInParts) add_part(sums, t.total, r == 0 && k <= ConvTask::kPart, r + 1 == task.run_count && k == task.run_floats);
    }
  }
  const V zero{};
#pragma GCC unroll 14
  for (int i = 0; i < kColumns; ++i) {
    float* y = t.y + i * task.y_step;
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) {
      V value = sums[i][j];
      if (task.relu) value = value <= zero ? zero : value;  // NaN stays
      j + 1 < kVecs || whole ? L::put(y + j * L::kWidth, value) : L::put_part(y + j * L::kWidth, t.last, value);
    }
  }
}

using Body = void (*)(const Tile&);
template <class L, bool kInParts>
struct Tiles {
  static constexpr Body kOne[14] = {tile<L, kInParts, 1, 1>,  tile<L, kInParts, 2, 1>,  tile<L, kInParts, 3, 1>,  tile<L, kInParts, 4, 1>,
                                    tile<L, kInParts, 5, 1>,  tile<L, kInParts, 6, 1>,  tile<L, kInParts, 7, 1>,  tile<L, kInParts, 8, 1>,
                                    tile<L, kInParts, 9, 1>,  tile<L, kInParts, 10, 1>, tile<L, kInParts, 11, 1>, tile<L, kInParts, 12, 1>,
#if defined(__AVX512F__)
                                    tile<L, kInParts, 13, 1>, tile<L, kInParts, 14, 1>
#endif
  };
  static constexpr Body kTwo[14] = {tile<L, kInParts, 1, 2>,  tile<L, kInParts, 2, 2>,  tile<L, kInParts, 3, 2>,
                                    tile<L, kInParts, 4, 2>,  tile<L, kInParts, 5, 2>,  tile<L, kInParts, 6, 2>,
#if defined(__AVX512F__)
                                    tile<L, kInParts, 7, 2>,  tile<L, kInParts, 8, 2>,  tile<L, kInParts, 9, 2>,
                                    tile<L, kInParts, 10, 2>, tile<L, kInParts, 11, 2>, tile<L, kInParts, 12, 2>,
                                    tile<L, kInParts, 13, 2>, tile<L, kInParts, 14, 2>
#endif
  };
};

/// Half vectors where the last whole one would be half empty or more.
static inline bool halves(std::int64_t channels) {
#if defined(__AVX512F__)
  return channels % kLanes != 0 && channels % kLanes <= kLanes / 2;
#else
  static_cast<void>(channels);
  return false;
#endif
}

template <class L, bool kInParts>
void run_with(const ConvTask& task) {
  const std::int64_t inputs = task.run_count * task.run_floats;
  alignas(64) float total[kInParts ? L::kMost[1] * kPanelVecs * L::kWidth : 1];
  for (std::int64_t m = 0; m < task.channels; m += kPanelVecs * L::kWidth) {
    const std::int64_t left = task.channels - m;
    const int vecs = left > L::kWidth ? 2 : 1;
    const std::int64_t width = left < kPanelVecs * L::kWidth ? left : kPanelVecs * L::kWidth;
    // Tiles of nearly the same width.
    const std::int64_t tiles = (task.columns + L::kMost[vecs] - 1) / L::kMost[vecs];
    const std::int64_t base = task.columns / tiles, wider = task.columns % tiles;
    const Body* bodies = vecs == 2 ? Tiles<L, kInParts>::kTwo : Tiles<L, kInParts>::kOne;
    Tile t{&task,
           nullptr,
           task.weights + m * inputs,
           task.bias == nullptr ? nullptr : task.bias + m,
           nullptr,
           static_cast<int>(width - (vecs - 1) * L::kWidth),
           total};
    for (std::int64_t row = 0; row < task.rows; ++row) {
      std::int64_t column = 0;
      for (std::int64_t i = 0; i < tiles; ++i) {
        const std::int64_t columns = base + (i < wider ? 1 : 0);
        t.x = task.x + row * task.x_row + column * task.x_step;
        t.y = task.y + row * task.y_row + column * task.y_step + m;
        bodies[columns - 1](t);
        column += columns;
      }
    }
  }
}

template <class L>
void run_as(const ConvTask& task) {
  if (task.in_parts && task.run_count * task.run_floats > ConvTask::kPart) return run_with<L, true>(task);
  run_with<L, false>(task);
}

void run(const ConvTask& task) {
  if (task.columns == 0) return;
#if defined(__AVX512F__)
  if (halves(task.channels)) return run_as<Half>(task);
#endif
  run_as<Whole>(task);
}

static inline std::int64_t width_of(std::int64_t channels) { return halves(channels) ? kLanes / 2 : kLanes; }
std::int64_t panel(std::int64_t channels) { return kPanelVecs * width_of(channels); }

std::int64_t packed_floats(std::int64_t inputs, std::int64_t channels) {
  const std::int64_t width = width_of(channels);
  return (channels + width - 1) / width * width * inputs;
}

/// One row of a panel.
static inline void copy_channels(const float* from, std::int64_t count, float* to, std::int64_t padded) {
  for (std::int64_t j = 0; j < padded; j += kLanes) {
    const std::int64_t left = count - j < kLanes ? count - j : kLanes, room = padded - j < kLanes ? padded - j : kLanes;
    store_part(to + j, static_cast<int>(room), load_part(from + j, static_cast<int>(left)));
  }
}

void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) {
  const std::int64_t width = width_of(weights.channels), inputs = weights.inputs;
  WeightBlock block;
  for (std::int64_t m = first; m < end; m += kPanelVecs * width) {
    const std::int64_t left = end - m < kPanelVecs * width ? end - m : kPanelVecs * width;
    const std::int64_t padded = (left + width - 1) / width * width;
    float* panel = packed + m * weights.tap_count * inputs;
    if (weights.tap_count == 1 && weights.k_step == 1 && weights.m_step != 1 && padded == left) {  // no block in between
      WeightBlock::transpose(weights.first + weights.taps[0] + m * weights.m_step, weights.m_step, panel, padded, inputs, left);
      continue;
    }
    for (std::int64_t tap = 0; tap < weights.tap_count; tap += WeightBlock::kMostTaps) {
      const std::int64_t more = weights.tap_count - tap, taps = more < WeightBlock::kMostTaps ? more : WeightBlock::kMostTaps;
      const std::int64_t most = WeightBlock::inputs(taps);
      for (std::int64_t k = 0; k < inputs; k += most) {
        const std::int64_t count = inputs - k < most ? inputs - k : most;
        block.fill(weights, tap, taps, k, count, m, left);
        for (std::int64_t t = 0; t < taps; ++t) {
          for (std::int64_t i = 0; i < count; ++i) {
            copy_channels(block.channels(t, i), left, panel + ((tap + t) * inputs + k + i) * padded, padded);
          }
        }
      }
    }
  }
}

}  // namespace

void add_conv(Simd& table);
void add_conv(Simd& table) { table.conv = {.run = run, .pack = pack, .packed_floats = packed_floats, .panel = panel}; }

}  // namespace n2d2::cpu::N2D2_ISA
