// Convolutions of few channels with a 2x2 max-pool behind them: lanes are windows, weights are broadcast. Where output channels would
// leave lanes of a vector empty, windows fill them.
#include <utility>

#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/multiply_add.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

const Simd& table();

namespace {

#if defined(__AVX512F__)
constexpr int kMostChannels = 6;  // of a tile: four accumulators each, one per place of the window
#else
constexpr int kMostChannels = 3;
#endif
constexpr int kRow = ConvWindowsTask::kMostChannels;
static_assert(ConvWindowsTask::kSlack >= 2 * kLanes);

/// A vector of windows: for each channel its largest value and where that was.
struct Result {
  alignas(64) float values[kRow][kLanes] = {};
  alignas(64) std::int32_t places[kRow][kLanes] = {};
};

/// Vectors of kLanes windows.
struct Whole {
  using V = Vec;
  using Best = MaxPlace;
  static inline V get(const float* p) { return load(p); }
  static inline void put(const Best& best, float* value, std::int32_t* place) {
    store(value, best.value);
    *reinterpret_cast<VecInt*>(place) = best.place;
  }
  static inline Best first(V v) { return {v, VecInt{}}; }
};

#if defined(__AVX512F__)
struct Half {
  using V = VecHalf;
  using Best = MaxPlaceHalf;
  static inline V get(const float* p) { return load_half(p); }
  static inline void put(const Best& best, float* value, std::int32_t* place) {
    store_half(value, best.value);
    _mm256_store_si256(reinterpret_cast<__m256i*>(place), best.place);
  }
  static inline Best first(V v) { return {v, _mm256_setzero_si256()}; }
};
#endif

/// The inputs of windows: a plane holds a pixel of every window of a band. Plane [parity, column, channel] has what lies `column` pixels
/// right of the windows' first, in rows whose distance from the windows' first is even or odd.
struct Planes {
  std::int64_t plane, parity;  ///< floats from one to the next
  const float* first;
};

struct Tile {
  const ConvWindowsTask* task;
  Planes x;
  std::int64_t weight_row;
  const float* weights;
  const float* bias;
  float (*values)[kLanes];
  std::int32_t (*places)[kLanes];
};

template <class L, int kChannels>
void tile(const Tile& t) {
  using V = typename L::V;
  const ConvWindowsTask& task = *t.task;
  V sums[4][kChannels];
#pragma GCC unroll 6
  for (int m = 0; m < kChannels; ++m) {
    const V start = V{} + (t.bias == nullptr ? 0.0F : t.bias[m]);
    sums[0][m] = sums[1][m] = sums[2][m] = sums[3][m] = start;
  }
  const float* w = t.weights;
  const std::int64_t right = task.inputs * t.x.plane;
  for (std::int64_t p = 0; p < task.kernel[0]; ++p) {
    const float* above = t.x.first + p % 2 * t.x.parity + p / 2 * task.columns;
    const float* below = t.x.first + (p + 1) % 2 * t.x.parity + (p + 1) / 2 * task.columns;
    for (std::int64_t k = 0; k < task.kernel[1] * task.inputs; ++k, w += t.weight_row, above += t.x.plane, below += t.x.plane) {
      const float* const places[4] = {above, above + right, below, below + right};
      V factors[kChannels];
#pragma GCC unroll 6
      for (int m = 0; m < kChannels; ++m) factors[m] = w[m] - V{};
#pragma GCC unroll 4
      for (int place = 0; place < 4; ++place) {
        const V x = L::get(places[place]);
#pragma GCC unroll 6
        for (int m = 0; m < kChannels; ++m) multiply_add(sums[place][m], x, factors[m]);
      }
    }
  }
#pragma GCC unroll 6
  for (int m = 0; m < kChannels; ++m) {
    auto best = L::first(sums[0][m]);
    best.consider(sums[1][m], 1);
    best.consider(sums[2][m], 2);
    best.consider(sums[3][m], 3);
    if (task.relu) best.relu();
    L::put(best, t.values[m], t.places[m]);
  }
}

using Body = void (*)(const Tile&);
template <class L>
constexpr Body kTiles[] = {tile<L, 1>, tile<L, 2>,
                           tile<L, 3>,
#if defined(__AVX512F__)
                           tile<L, 4>, tile<L, 5>,
                           tile<L, 6>
#endif
};

template <int... l>
static inline Vec every_other(Vec a, Vec b, int first, std::integer_sequence<int, l...>) {
  return first == 0 ? __builtin_shufflevector(a, b, (2 * l)...) : __builtin_shufflevector(a, b, (2 * l + 1)...);
}

/// Makes the planes of a band of `rows` windows from its image, which begins at x. `pixels`: the image, channel by channel. Whole vectors
/// are written: what is beyond a row, the next row or nobody reads.
void fill(const ConvWindowsTask& task, const float* x, std::int64_t rows, const Planes& to, float* planes, float* pixels) {
  constexpr auto kEach = std::make_integer_sequence<int, kLanes>{};
  const std::int64_t channels = task.inputs, width = task.x_row / channels, height = 2 * rows + task.kernel[0] - 1;
  const std::int64_t right = channels * to.plane, image = width * height;
  table().transpose(x, channels, pixels, image, channels, image);
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t row = 0; row < height; ++row) {
      const float* from = pixels + c * image + row * width;
      float* out = planes + row % 2 * to.parity + c * to.plane + row / 2 * task.columns;
      for (std::int64_t u = 0; u <= task.kernel[1]; u += 2) {
        for (std::int64_t j = 0; j < task.columns; j += kLanes) {
          const Vec a = load(from + u + 2 * j), b = load(from + u + 2 * j + kLanes);
          store(out + u * right + j, every_other(a, b, 0, kEach));
          if (u < task.kernel[1]) store(out + (u + 1) * right + j, every_other(a, b, 1, kEach));
        }
      }
    }
  }
}

/// Writes the results of `count` windows channel by channel as neighbours.
void put(const Result& result, std::int64_t count, std::int64_t channels, float* y, std::uint8_t* argmax) {
  alignas(64) float values[kRow * kLanes], places[kRow * kLanes];
  table().transpose(result.values[0], kLanes, values, channels, kLanes, channels);
  table().transpose(reinterpret_cast<const float*>(result.places[0]), kLanes, places, channels, kLanes, channels);
  const std::int64_t floats = count * channels;
  for (std::int64_t i = 0; i < floats; i += kLanes) {
    const int part = static_cast<int>(floats - i < kLanes ? floats - i : kLanes);
    store_pieces(y + i, part, load(values + i));
    store_bytes(argmax + i, part, reinterpret_cast<VecInt>(load(places + i)));
  }
}

void run_windows(const ConvWindowsTask& task) {
  const std::int64_t band = task.band();
  Planes planes{.plane = task.plane_floats(), .parity = 0, .first = nullptr};
  planes.parity = (task.kernel[1] + 1) * task.inputs * planes.plane;
  float* pixels = task.scratch + 2 * planes.parity + ConvWindowsTask::kSlack;
  Result result;
  for (std::int64_t row = 0; row < task.rows; row += band) {
    const std::int64_t rows = task.rows - row < band ? task.rows - row : band, windows = rows * task.columns;
    fill(task, task.x + 2 * row * task.x_row, rows, planes, task.scratch, pixels);
    for (std::int64_t i = 0; i < windows; i += kLanes) {
      const std::int64_t count = windows - i < kLanes ? windows - i : kLanes, at = (row * task.columns + i) * task.channels;
      planes.first = task.scratch + i;
      for (std::int64_t m = 0; m < task.channels; m += kMostChannels) {
        const std::int64_t channels = task.channels - m < kMostChannels ? task.channels - m : kMostChannels;
        const Tile t{.task = &task,
                     .x = planes,
                     .weight_row = table().conv.packed_floats(1, task.channels),
                     .weights = task.weights + m,
                     .bias = task.bias == nullptr ? nullptr : task.bias + m,
                     .values = result.values + m,
                     .places = result.places + m};
#if defined(__AVX512F__)
        if (count <= kLanes / 2) {
          kTiles<Half>[channels - 1](t);
          continue;
        }
#endif
        kTiles<Whole>[channels - 1](t);
      }
      put(result, count, task.channels, task.y + at, task.argmax + at);
    }
  }
}

}  // namespace

void add_conv_windows(Simd& table);
void add_conv_windows(Simd& table) { table.conv.run_windows = run_windows; }

}  // namespace n2d2::cpu::N2D2_ISA
