// F(2x2, 3x3): inputs and weights are transformed to 16 places, where a matrix product per place stands for the convolution.
#include "n2d2/backends/cpu/simd/winograd.h"

#include "n2d2/backends/cpu/simd/conv_weights.h"
#include "n2d2/backends/cpu/simd/max_place.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr int kPlaces = 16;
// Between places lies a line more than the tiles take: 16 series of lines that lie a power of two apart displace each other.
constexpr std::int64_t kLine = 16;
constexpr std::int64_t kTiles = 48;  // in one go: few enough for the caches, enough to use the weights often

static inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

/// B^T d B for one vector of channels of a tile; d[row][column].
static inline void transform_input(const Vec (&d)[4][4], float* to, std::int64_t place) {
  Vec t[4][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    t[0][j] = d[0][j] - d[2][j];
    t[1][j] = d[1][j] + d[2][j];
    t[2][j] = d[2][j] - d[1][j];
    t[3][j] = d[1][j] - d[3][j];
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    float* row = to + 4 * i * place;
    store(row, t[i][0] - t[i][2]);
    store(row + place, t[i][1] + t[i][2]);
    store(row + 2 * place, t[i][2] - t[i][1]);
    store(row + 3 * place, t[i][1] - t[i][3]);
  }
}

void input_tiles(const float* x, std::int64_t x_row, std::int64_t inputs, std::int64_t tiles, float* to, std::int64_t place) {
  const std::int64_t stride = whole_vectors(inputs);
  for (std::int64_t c = 0; c < inputs; c += kLanes) {
    const int part = inputs - c < kLanes ? static_cast<int>(inputs - c) : kLanes;
    const auto get = [&](std::int64_t row, std::int64_t column) {
      const float* from = x + row * x_row + column * inputs + c;
      return part == kLanes ? load(from) : load_part(from, part);
    };
    Vec d[4][4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      d[i][2] = get(i, 0);
      d[i][3] = get(i, 1);
    }
    for (std::int64_t tile = 0; tile < tiles; ++tile) {
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        d[i][0] = d[i][2];
        d[i][1] = d[i][3];
        d[i][2] = get(i, 2 * tile + 2);
        d[i][3] = get(i, 2 * tile + 3);
      }
      transform_input(d, to + tile * stride + c, place);
    }
  }
}

/// A^T m A for one vector of channels: four outputs.
static inline void transform_output(const float* m, std::int64_t place, Vec bias, Vec (&y)[2][2]) {
  Vec s[2][4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Vec a = load(m + j * place), b = load(m + (4 + j) * place), c = load(m + (8 + j) * place), d = load(m + (12 + j) * place);
    s[0][j] = a + (b + c);
    s[1][j] = (b - c) - d;
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    y[i][0] = bias + (s[i][0] + (s[i][1] + s[i][2]));
    y[i][1] = bias + ((s[i][1] - s[i][2]) - s[i][3]);
  }
}

/// One row of tiles to one row of windows.
void pool_row(const WinogradTask& task, const float* m, std::int64_t place, std::int64_t tiles, float* y, std::uint8_t* argmax) {
  const std::int64_t stride = whole_vectors(task.channels);
  for (std::int64_t tile = 0; tile < tiles; ++tile, m += stride, y += task.channels, argmax += task.channels) {
    for (std::int64_t c = 0; c < task.channels; c += kLanes) {
      const int part = task.channels - c < kLanes ? static_cast<int>(task.channels - c) : kLanes;
      Vec bias{};
      if (task.bias != nullptr) bias = part == kLanes ? load(task.bias + c) : load_part(task.bias + c, part);
      Vec out[2][2];
      transform_output(m + c, place, bias, out);
      MaxPlace best{out[0][0], VecInt{}};
      best.consider(out[0][1], 1);
      best.consider(out[1][0], 2);
      best.consider(out[1][1], 3);
      if (task.relu) best.relu();
      best.put(y + c, argmax + c, part);
    }
  }
}

/// One row of tiles to one or two rows of outputs.
void finish_row(const WinogradTask& task, const float* m, std::int64_t place, std::int64_t tiles, float* y, std::int64_t rows) {
  const Vec zero{};
  const std::int64_t stride = whole_vectors(task.channels);
  for (std::int64_t tile = 0; tile < tiles; ++tile, m += stride) {
    for (std::int64_t c = 0; c < task.channels; c += kLanes) {
      const int part = task.channels - c < kLanes ? static_cast<int>(task.channels - c) : kLanes;
      Vec bias{};
      if (task.bias != nullptr) bias = part == kLanes ? load(task.bias + c) : load_part(task.bias + c, part);
      Vec out[2][2];
      transform_output(m + c, place, bias, out);
      for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < 2 && 2 * tile + j < task.columns; ++j) {
          float* to = y + i * task.y_row + (2 * tile + j) * task.channels + c;
          const Vec value = task.relu ? (out[i][j] <= zero ? zero : out[i][j]) : out[i][j];
          part == kLanes ? store(to, value) : store_part(to, part, value);
        }
      }
    }
  }
}

std::int64_t most_tiles(std::int64_t rows, std::int64_t columns) {
  const std::int64_t across = (columns + 1) / 2, down = (rows + 1) / 2;
  const std::int64_t tile_rows = across < kTiles ? kTiles / across : 1;
  return (tile_rows < down ? tile_rows : down) * across;
}

#if defined(__AVX512F__)
// Images of one vector of channels on both sides: all that a few tiles need stays in the first-level cache, and products are
// transformed back across before they leave the registers.
constexpr int kFewTiles = 6;  // sums of four places, and a vector of weights of each, fit the registers

/// From tiles next to each other, at `x` in order [16 places, tile, channel], to their columns: [4 rows of places, 2, tile, channel].
template <int kCount>
void few_products(const float* x, const float* weights, float* to) {
  for (int row = 0; row < 4; ++row, x += 4 * kCount * kLanes, weights += 4 * kLanes * kLanes, to += 2 * kCount * kLanes) {
    Vec sums[4][kCount] = {};
    for (int k = 0; k < kLanes; ++k) {
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const Vec weight = load(weights + (j * kLanes + k) * kLanes);
#pragma GCC unroll 6
        for (int i = 0; i < kCount; ++i) sums[j][i] = fma(splat(x[(j * kCount + i) * kLanes + k]), weight, sums[j][i]);
      }
    }
#pragma GCC unroll 6
    for (int i = 0; i < kCount; ++i) {
      store(to + i * kLanes, sums[0][i] + (sums[1][i] + sums[2][i]));
      store(to + (kCount + i) * kLanes, (sums[1][i] - sums[2][i]) - sums[3][i]);
    }
  }
}

/// The columns of one tile, `count` tiles being there, to one or two rows of outputs.
static inline void few_finish(const WinogradTask& task, const float* columns, std::int64_t count, float* y, std::int64_t rows,
                              bool is_odd) {
  const Vec bias = task.bias == nullptr ? Vec{} : load(task.bias);
  for (std::int64_t j = 0; j < (is_odd ? 1 : 2); ++j, y += kLanes) {
    const auto get = [&](std::int64_t row) { return load(columns + (2 * row + j) * count * kLanes); };
    const Vec a = get(0), b = get(1), c = get(2), d = get(3);
    const Vec out[2] = {bias + (a + (b + c)), bias + ((b - c) - d)};
    for (std::int64_t i = 0; i < rows; ++i) store(y + i * task.y_row, task.relu ? (out[i] <= Vec{} ? Vec{} : out[i]) : out[i]);
  }
}

void run_few(const WinogradTask& task) {
  using Products = void (*)(const float*, const float*, float*);
  constexpr Products kProducts[] = {few_products<1>, few_products<2>, few_products<3>, few_products<4>, few_products<5>, few_products<6>};
  const std::int64_t across = (task.columns + 1) / 2, groups = (across + kFewTiles - 1) / kFewTiles;
  for (std::int64_t row = 0; row < task.rows; row += 2) {
    for (std::int64_t group = 0; group < groups; ++group) {
      const std::int64_t first = across * group / groups, count = across * (group + 1) / groups - first;
      float* const products = task.scratch + kPlaces * count * kLanes;
      input_tiles(task.x + row * task.x_row + 2 * first * kLanes, task.x_row, kLanes, count, task.scratch, count * kLanes);
      kProducts[count - 1](task.scratch, task.weights, products);
      for (std::int64_t i = 0; i < count; ++i) {
        const std::int64_t column = 2 * (first + i);
        few_finish(task, products + i * kLanes, count, task.y + row * task.y_row + column * kLanes, task.rows - row < 2 ? 1 : 2,
                   column + 1 == task.columns);
      }
    }
  }
}
#endif

void run(const WinogradTask& task) {
#if defined(__AVX512F__)
  if (task.inputs == kLanes && task.channels == kLanes && task.argmax == nullptr) return run_few(task);
#endif
  const std::int64_t across = (task.columns + 1) / 2, down = (task.rows + 1) / 2;
  const std::int64_t most = most_tiles(task.rows, task.columns), tile_rows = most / across;
  const std::int64_t in_stride = whole_vectors(task.inputs), out_stride = whole_vectors(task.channels);
  const std::int64_t weight_floats = table().conv.packed_floats(task.inputs, task.channels);
  const std::int64_t no_run = 0;
  float* transformed = task.scratch;
  float* products = transformed + kPlaces * (most * in_stride + kLine);
  for (std::int64_t row = 0; row < down; row += tile_rows) {
    const std::int64_t count = down - row < tile_rows ? down - row : tile_rows, tiles = count * across;
    const std::int64_t in_place = tiles * in_stride + kLine, out_place = tiles * out_stride + kLine;
    for (std::int64_t i = 0; i < count; ++i) {
      input_tiles(task.x + 2 * (row + i) * task.x_row, task.x_row, task.inputs, across, transformed + i * across * in_stride, in_place);
    }
    for (int place = 0; place < kPlaces; ++place) {
      const ConvTask product{.x = transformed + place * in_place,
                             .x_step = in_stride,
                             .runs = &no_run,
                             .run_count = 1,
                             .run_floats = task.inputs,
                             .weights = task.weights + place * weight_floats,
                             .y = products + place * out_place,
                             .y_step = out_stride,
                             .rows = 1,
                             .columns = tiles,
                             .channels = task.channels};
      table().conv.run(product);
    }
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t first = 2 * (row + i);
      const float* of_row = products + i * across * out_stride;
      if (task.argmax != nullptr) {
        pool_row(task, of_row, out_place, across, task.y + (row + i) * task.y_row, task.argmax + (row + i) * task.y_row);
      } else {
        finish_row(task, of_row, out_place, across, task.y + first * task.y_row, task.rows - first < 2 ? task.rows - first : 2);
      }
    }
  }
}

std::int64_t weight_floats(std::int64_t inputs, std::int64_t channels) { return kPlaces * table().conv.packed_floats(inputs, channels); }

std::int64_t scratch_floats(std::int64_t rows, std::int64_t columns, std::int64_t inputs, std::int64_t channels) {
  return kPlaces * (most_tiles(rows, columns) * (whole_vectors(inputs) + whole_vectors(channels)) + 2 * kLine);
}

/// G g G^T for one vector of weights; tap(row, column) gives a tap of them, put(i, v) takes the result for place i.
template <class Tap, class Put>
static inline void transform_weights(const Tap& tap, const Put& put) {
  Vec t[4][3];
#pragma GCC unroll 3
  for (int j = 0; j < 3; ++j) {
    const Vec a = tap(0, j), b = tap(1, j) * 0.5F, c = tap(2, j), half = (a + c) * 0.5F;
    t[0][j] = a;
    t[1][j] = half + b;
    t[2][j] = half - b;
    t[3][j] = c;
  }
#pragma GCC unroll 4
  for (int row = 0; row < 4; ++row) {
    const Vec half = (t[row][0] + t[row][2]) * 0.5F, middle = t[row][1] * 0.5F;
    put(4 * row, t[row][0]);
    put(4 * row + 1, half + middle);
    put(4 * row + 2, half - middle);
    put(4 * row + 3, t[row][2]);
  }
}

/// Channels [j, j + kLanes) of a block's input `i`, of which `left` are there and `padded` are written.
static inline void transform_channels(const WeightBlock& block, std::int64_t i, std::int64_t j, std::int64_t left, std::int64_t padded,
                                      float* to, std::int64_t place) {
  const auto tap = [&](int row, int column) { return block.channels(3 * row + column, i) + j; };
  if (left - j >= kLanes) {
    return transform_weights([&](int row, int column) { return load(tap(row, column)); },
                             [&](int p, Vec value) { store(to + p * place, value); });
  }
  const int part = static_cast<int>(left - j), room = static_cast<int>(padded - j < kLanes ? padded - j : kLanes);
  transform_weights([&](int row, int column) { return load_part(tap(row, column), part); },
                    [&](int p, Vec value) { store_part(to + p * place, room, value); });
}

void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) {
  const std::int64_t inputs = weights.inputs, floats = table().conv.packed_floats(inputs, weights.channels);
  const std::int64_t panel = table().conv.panel(weights.channels), width = panel / 2, most = WeightBlock::inputs(9);
  WeightBlock block;
  for (std::int64_t m = first; m < end; m += panel) {
    const std::int64_t left = end - m < panel ? end - m : panel, padded = (left + width - 1) / width * width;
    for (std::int64_t k = 0; k < inputs; k += most) {
      const std::int64_t count = inputs - k < most ? inputs - k : most;
      block.fill(weights, 0, 9, k, count, m, left);
      for (std::int64_t i = 0; i < count; ++i) {
        float* to = packed + m * inputs + (k + i) * padded;
        for (std::int64_t j = 0; j < padded; j += kLanes) transform_channels(block, i, j, left, padded, to + j, floats);
      }
    }
  }
}

/// A dy A^T for one vector of channels of a tile.
static inline void transform_gradient(const Vec (&dy)[2][2], float* to, std::int64_t place) {
  Vec t[4][2];
#pragma GCC unroll 2
  for (int j = 0; j < 2; ++j) {
    t[0][j] = dy[0][j];
    t[1][j] = dy[0][j] + dy[1][j];
    t[2][j] = dy[0][j] - dy[1][j];
    t[3][j] = -dy[1][j];
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    float* row = to + 4 * i * place;
    store(row, t[i][0]);
    store(row + place, t[i][0] + t[i][1]);
    store(row + 2 * place, t[i][0] - t[i][1]);
    store(row + 3 * place, -t[i][1]);
  }
}

void gradient_tiles(const float* dy, std::int64_t rows, std::int64_t columns, std::int64_t channels, float* to, std::int64_t place) {
  const std::int64_t stride = whole_vectors(channels), tiles = (columns + 1) / 2;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    for (std::int64_t c = 0; c < channels; c += kLanes) {
      const int part = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
      const auto get = [&](std::int64_t row, std::int64_t column) {
        if (row >= rows || column >= columns) return Vec{};
        const float* from = dy + (row * columns + column) * channels + c;
        return part == kLanes ? load(from) : load_part(from, part);
      };
      const Vec corners[2][2] = {{get(0, 2 * tile), get(0, 2 * tile + 1)}, {get(1, 2 * tile), get(1, 2 * tile + 1)}};
      transform_gradient(corners, to + tile * stride + c, place);
    }
  }
}

/// G^T s G, the transposed map of transform_weights().
void taps(float* sums, std::int64_t floats) {
  for (std::int64_t i = 0; i < floats; i += kLanes) {
    Vec t[3][4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; ++j) {
      const Vec a = load(sums + i + j * floats), b = load(sums + i + (4 + j) * floats), c = load(sums + i + (8 + j) * floats),
                d = load(sums + i + (12 + j) * floats), half = (b + c) * 0.5F;
      t[0][j] = a + half;
      t[1][j] = (b - c) * 0.5F;
      t[2][j] = half + d;
    }
#pragma GCC unroll 3
    for (int row = 0; row < 3; ++row) {
      const Vec half = (t[row][1] + t[row][2]) * 0.5F;
      store(sums + i + 3 * row * floats, t[row][0] + half);
      store(sums + i + (3 * row + 1) * floats, (t[row][1] - t[row][2]) * 0.5F);
      store(sums + i + (3 * row + 2) * floats, half + t[row][3]);
    }
  }
}

}  // namespace

void add_winograd(Simd& table);
void add_winograd(Simd& table) {
  table.winograd = {.run = run,
                    .pack = pack,
                    .weight_floats = weight_floats,
                    .scratch_floats = scratch_floats,
                    .input_tiles = input_tiles,
                    .gradient_tiles = gradient_tiles,
                    .taps = taps};
}

}  // namespace n2d2::cpu::N2D2_ISA
