// Gradients of 3x3 taps by steps of two: F(4, 2) along each axis, see simd/winograd_strided.h. The numbers at which polynomials are taken
// are 1/2, -1/2, sqrt(2), -sqrt(2) and infinity: with them errors are a quarter of those of 1, -1, 2, -2. Where there is one tap, infinity
// drops out.
#include "n2d2/backends/cpu/simd/winograd_strided.h"

#include "n2d2/backends/cpu/simd/conv_weights.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/winograd_lines.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr float kP = 0.5F, kQ = 1.41421356F, kP2 = 0.25F, kQ2 = 2.0F;
constexpr float kOfP = 1.0F / (2.0F * kP * (kP2 - kQ2)), kOfQ = 1.0F / (2.0F * kQ * (kQ2 - kP2));

/// Gradients of outputs to places.
static inline void to_places(const Vec (&d)[5], Vec (&t)[5]) {
  const Vec even_p = d[3] - kQ2 * d[1], odd_p = kP * (d[2] - kQ2 * d[0]);
  const Vec even_q = d[3] - kP2 * d[1], odd_q = kQ * (d[2] - kP2 * d[0]);
  t[0] = odd_p + even_p;
  t[1] = odd_p - even_p;
  t[2] = odd_q + even_q;
  t[3] = odd_q - even_q;
  t[4] = (d[4] - (kP2 + kQ2) * d[2]) + (kP2 * kQ2) * d[0];
}

/// Maps of inputs under kTaps taps.
template <int kTaps>
struct Line {
  static constexpr int kSide = 3 + kTaps;

  static inline void outputs(const Vec (&m)[kSide], Vec (&y)[4]) {
    const Vec even_p = m[0] + m[1], odd_p = kP * (m[0] - m[1]), even_q = m[2] + m[3], odd_q = kQ * (m[2] - m[3]);
    y[0] = even_p + even_q;
    y[1] = odd_p + odd_q;
    y[2] = kP2 * even_p + kQ2 * even_q;
    y[3] = kP2 * odd_p + kQ2 * odd_q;
    if constexpr (kTaps == 2) y[3] += m[4];
  }
  /// The transposed map of outputs().
  static inline void inputs(const Vec (&x)[4], Vec (&t)[kSide]) {
    const Vec even_p = x[0] + kP2 * x[2], odd_p = kP * (x[1] + kP2 * x[3]), even_q = x[0] + kQ2 * x[2], odd_q = kQ * (x[1] + kQ2 * x[3]);
    t[0] = even_p + odd_p;
    t[1] = even_p - odd_p;
    t[2] = even_q + odd_q;
    t[3] = even_q - odd_q;
    if constexpr (kTaps == 2) t[4] = x[3];
  }
  static inline void weights(const Vec (&g)[kTaps], Vec (&t)[kSide]) {
    const Vec even_p = kOfP * g[0], even_q = kOfQ * g[0];
    t[0] = t[1] = even_p;
    t[2] = t[3] = even_q;
    if constexpr (kTaps == 2) {
      const Vec odd_p = (kP * kOfP) * g[1], odd_q = (kQ * kOfQ) * g[1];
      t[0] += odd_p;
      t[1] -= odd_p;
      t[2] += odd_q;
      t[3] -= odd_q;
      t[4] = g[1];
    }
    // what negative numbers are divided by has the other sign: to_places() gives it to them
  }
  /// The transposed map of weights().
  static inline void taps(const Vec (&s)[kSide], Vec (&g)[kTaps]) {
    g[0] = kOfP * (s[0] + s[1]) + kOfQ * (s[2] + s[3]);
    if constexpr (kTaps == 2) g[1] = ((kP * kOfP) * (s[0] - s[1]) + (kQ * kOfQ) * (s[2] - s[3])) + s[4];
  }
};

/// Calls visit(column of the tile's first number, tile, channel, channels of the vector, whether all of the tile is there).
template <class Float, class Visit>
static inline void each_tile(const StridedLines<Float>& lines, int rows, int columns, std::int64_t tiles, const Visit& visit) {
  bool has_rows = true;
  for (int i = 0; i < rows; ++i) has_rows = has_rows && lines.rows[i] != nullptr;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t first = lines.first + tile * lines.tile, last = first + (columns - 1) * lines.step;
    const bool is_inside = has_rows && first >= 0 && last >= 0 && first < lines.columns && last < lines.columns;
    for (std::int64_t c = 0; c < lines.channels; c += kLanes) {
      const int part = lines.channels - c < kLanes ? static_cast<int>(lines.channels - c) : kLanes;
      visit(first, tile, c, part, is_inside && part == kLanes);
    }
  }
}

static inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <auto kDown, auto kAcross, int kRows, int kColumns, int kToColumns>
static inline void read_tiles(const StridedLines<const float>& lines, std::int64_t tiles, float* to, std::int64_t place) {
  const std::int64_t stride = whole_vectors(lines.channels), step = lines.step * lines.channels;
  each_tile(lines, kRows, kColumns, tiles, [&](std::int64_t first, std::int64_t tile, std::int64_t c, int part, bool is_whole) {
    float* const at = to + tile * stride + c;
    const auto put = [=](int row, int column, Vec value) { store(at + (row * kToColumns + column) * place, value); };
    const std::int64_t from = first * lines.channels + c;
    if (is_whole) {
      return along_both(kDown, kAcross, [&](int row, int column) { return load(lines.rows[row] + from + column * step); }, put);
    }
    along_both(
        kDown, kAcross,
        [&](int row, int column) {
          const std::int64_t j = first + column * lines.step;
          const bool is_there = lines.rows[row] != nullptr && j >= 0 && j < lines.columns;
          return is_there ? load_part(lines.rows[row] + from + column * step, part) : Vec{};
        },
        put);
  });
}

void gradients(const StridedLines<const float>& dy, std::int64_t tiles, float* to, std::int64_t place) {
  read_tiles<to_places, to_places, 5, 5, 5>(dy, tiles, to, place);
}

template <class Down, class Across>
void inputs(const StridedLines<const float>& x, std::int64_t tiles, float* to, std::int64_t place) {
  read_tiles<Down::inputs, Across::inputs, 4, 4, Across::kSide>(x, tiles, to, place);
}

template <class Down, class Across>
void outputs(const StridedLines<float>& dx, std::int64_t tiles, const float* products, std::int64_t place) {
  const std::int64_t stride = whole_vectors(dx.channels), step = dx.step * dx.channels;
  each_tile(dx, 4, 4, tiles, [&](std::int64_t first, std::int64_t tile, std::int64_t c, int part, bool is_whole) {
    const float* const from = products + tile * stride + c;
    const auto get = [=](int row, int column) { return load(from + (row * Across::kSide + column) * place); };
    const std::int64_t to = first * dx.channels + c;
    if (is_whole) {
      return along_both(Down::outputs, Across::outputs, get,
                        [&](int row, int column, Vec value) { store(dx.rows[row] + to + column * step, value); });
    }
    along_both(Down::outputs, Across::outputs, get, [&](int row, int column, Vec value) {
      const std::int64_t j = first + column * dx.step;
      if (dx.rows[row] != nullptr && j >= 0 && j < dx.columns) store_part(dx.rows[row] + to + column * step, part, value);
    });
  });
}

/// Taps of a kind along an axis.
static inline int tap_of(int taps, int i) { return taps == 1 ? 1 : 2 * i; }

/// One vector of channels, of which `part` are there and `room` are written; kWhole: all are.
template <class Down, class Across, int kDownTaps, int kAcrossTaps, bool kWhole>
static inline void pack_kind(const WeightBlock& block, std::int64_t i, std::int64_t j, int part, int room, float* to, std::int64_t place) {
  along_both(
      Down::weights, Across::weights,
      [&](int row, int column) {
        const float* const at = block.channels(3 * tap_of(kDownTaps, row) + tap_of(kAcrossTaps, column), i) + j;
        return kWhole ? load(at) : load_part(at, part);
      },
      [&](int row, int column, Vec value) {
        float* const at = to + (row * Across::kSide + column) * place;
        kWhole ? store(at, value) : store_part(at, room, value);
      });
}

template <bool kWhole>
static inline void pack_kinds(const WeightBlock& block, std::int64_t i, std::int64_t j, int part, int room, float* to, std::int64_t place) {
  pack_kind<Line<2>, Line<2>, 2, 2, kWhole>(block, i, j, part, room, to, place);
  pack_kind<Line<2>, Line<1>, 2, 1, kWhole>(block, i, j, part, room, to + 25 * place, place);
  pack_kind<Line<1>, Line<2>, 1, 2, kWhole>(block, i, j, part, room, to + 45 * place, place);
}

#if defined(__AVX512F__)
constexpr bool kMasksAreFree = true;
#else
constexpr bool kMasksAreFree = false;
#endif

void pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) {
  const std::int64_t inputs = weights.inputs, place = table().winograd[0][0].weight_place(inputs, weights.channels);
  const std::int64_t panel = table().conv.panel(weights.channels), width = panel / 2, most = WeightBlock::inputs(9);
  WeightBlock block;
  for (std::int64_t m = first; m < end; m += panel) {
    const std::int64_t left = end - m < panel ? end - m : panel, padded = (left + width - 1) / width * width;
    for (std::int64_t k = 0; k < inputs; k += most) {
      const std::int64_t count = inputs - k < most ? inputs - k : most;
      block.fill(weights, 0, 9, k, count, m, left);
      for (std::int64_t i = 0; i < count; ++i) {
        for (std::int64_t j = 0; j < padded; j += kLanes) {
          const int part = static_cast<int>(left - j < kLanes ? left - j : kLanes);
          const int room = static_cast<int>(padded - j < kLanes ? padded - j : kLanes);
          float* const to = packed + m * inputs + (k + i) * padded + j;
          const auto kinds = part == kLanes && !kMasksAreFree ? pack_kinds<true> : pack_kinds<false>;
          kinds(block, i, j, part, room, to, place);
        }
      }
    }
  }
}

template <class Down, class Across, int kColumns>
void taps(float* sums, std::int64_t place) {
  for (std::int64_t i = 0; i < place; i += kLanes) {
    along_both(
        Down::taps, Across::taps, [&](int row, int column) { return load(sums + i + (row * Across::kSide + column) * place); },
        [&](int row, int column, Vec value) { store(sums + i + (row * kColumns + column) * place, value); });
  }
}

}  // namespace

void add_winograd_strided(Simd& table);
void add_winograd_strided(Simd& table) {
  using One = Line<1>;
  using Two = Line<2>;
  table.winograd_strided = {.gradients = gradients,
                            .outputs = {{outputs<Two, Two>, outputs<Two, One>}, {outputs<One, Two>, nullptr}},
                            .pack = pack,
                            .inputs = {{inputs<Two, Two>, inputs<Two, One>}, {inputs<One, Two>, nullptr}},
                            .taps = {{taps<Two, Two, 2>, taps<Two, One, 1>}, {taps<One, Two, 2>, nullptr}}};
}

}  // namespace n2d2::cpu::N2D2_ISA
