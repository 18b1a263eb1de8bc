// Matrix products in register tiles: rows of A are broadcast, columns of B are vectors.
#include <array>
#include <cstring>
#include <limits>

#include "n2d2/backends/cpu/simd/multiply_add.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
const Simd& table();

namespace {

// Accumulators and one row of B must fit the registers: 32 with AVX-512, else 16. From kRowsToPack rows on, copying a panel of B costs less
// than reading it with strides, unless its rows lie at most kNear floats apart.
constexpr std::int64_t kRowsToPack = 32;
#if defined(__AVX512F__)
constexpr int kMaxVecs = 4;
constexpr int kTileRows[kMaxVecs + 1] = {0, 8, 8, 8, 6};
constexpr std::int64_t kDepth = 512;  // a panel of this depth stays in the second-level cache
constexpr std::int64_t kNear = 128;
constexpr std::int64_t kBlock = std::numeric_limits<std::int64_t>::max();
constexpr bool kPacksRows = false;
constexpr int kUnroll = 1;
#else
constexpr int kMaxVecs = 2;
constexpr int kTileRows[kMaxVecs + 1] = {0, 8, 6};
constexpr std::int64_t kDepth = 256;  // a panel of this depth takes half of a first-level cache of 32 KiB,
constexpr std::int64_t kBlock = 192;  // and so many rows of A less than half of a second-level cache of 512 KiB
constexpr std::int64_t kNear = 32;
constexpr bool kPacksRows = true;
constexpr int kUnroll = 4;  // along k in one go: the fewer instructions beside the multiply-adds, the better
#endif
constexpr std::int64_t kPanel = kMaxVecs * kLanes;
constexpr std::int64_t kFewSteps = 8;   // along k: of products that go by rows of Y
constexpr std::int64_t kTogether = 16;  // steps that are packed in turn: their cache lines stay in the first-level cache
constexpr int kWholeTile = kTileRows[kMaxVecs];
static_assert(!kPacksRows || kBlock % kWholeTile == 0);

struct Tile {
  std::int64_t k;
  const float* a;
  std::int64_t a_m, a_k;
  const float* b;
  std::int64_t b_k;
  const float* start;  // what the sums start from: C or, further along k, y itself; null: zero
  std::int64_t start_m;
  float* y;
  std::int64_t y_m;
  int last_columns;  // of the last vector; kLanes when whole
};

template <int kRows, int kVecs>
void tile(const Tile& t) {
  const bool whole = t.last_columns == kLanes;
  Vec sums[kRows][kVecs];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) {
      const float* start = t.start + i * t.start_m + j * kLanes;
      const bool part = j + 1 == kVecs && !whole;
      sums[i][j] = t.start == nullptr ? Vec{} : (part ? load_part(start, t.last_columns) : load(start));
    }
  }
  if constexpr (kLanes < 16) {
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) __builtin_prefetch(t.y + i * t.y_m, 1);
  }
  const float* a = t.a;
  const float* b = t.b;
  const std::int64_t a_m = t.a_m;
#pragma GCC unroll kUnroll
  for (std::int64_t k = 0; k < t.k; ++k, a += t.a_k, b += t.b_k) {
    Vec row[kVecs];
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) row[j] = load(b + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vec factor = splat(a[i * a_m]);
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) sums[i][j] = fma(factor, row[j], sums[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    float* y = t.y + i * t.y_m;
#pragma GCC unroll 4
    for (int j = 0; j + 1 < kVecs; ++j) store(y + j * kLanes, sums[i][j]);
    if (whole) {
      store(y + (kVecs - 1) * kLanes, sums[i][kVecs - 1]);
    } else {
      store_part(y + (kVecs - 1) * kLanes, t.last_columns, sums[i][kVecs - 1]);
    }
  }
}

using TileBody = void (*)(const Tile&);
constexpr TileBody kTiles[kMaxVecs][8] = {
    {tile<1, 1>, tile<2, 1>, tile<3, 1>, tile<4, 1>, tile<5, 1>, tile<6, 1>, tile<7, 1>, tile<8, 1>},
#if defined(__AVX512F__)
    {tile<1, 2>, tile<2, 2>, tile<3, 2>, tile<4, 2>, tile<5, 2>, tile<6, 2>, tile<7, 2>, tile<8, 2>},
    {tile<1, 3>, tile<2, 3>, tile<3, 3>, tile<4, 3>, tile<5, 3>, tile<6, 3>, tile<7, 3>, tile<8, 3>},
    {tile<1, 4>, tile<2, 4>, tile<3, 4>, tile<4, 4>, tile<5, 4>, tile<6, 4>},
#else
    {tile<1, 2>, tile<2, 2>, tile<3, 2>, tile<4, 2>, tile<5, 2>, tile<6, 2>},
#endif
};

/// `width` columns of B, k steps deep, as rows of `width` floats rounded up to whole vectors.
void pack_panel(const float* b, std::int64_t b_k, std::int64_t b_n, std::int64_t k, int width, float* panel) {
  const int padded = (width + kLanes - 1) / kLanes * kLanes;
  if (b_n == 1) {
    const int whole = width / kLanes * kLanes;
    for (std::int64_t i = 0; i < k; ++i) {
      for (int j = 0; j < whole; j += kLanes) store(panel + i * padded + j, load(b + i * b_k + j));
      if (whole < width) store(panel + i * padded + whole, load_part(b + i * b_k + whole, width - whole));
    }
    return;
  }
  if (b_k == 1) {
    table().transpose(b, b_n, panel, padded, k, width);
    for (std::int64_t i = 0; i < k && width < padded; ++i) store_part(panel + i * padded + width, padded - width, Vec{});
    return;
  }
  for (std::int64_t i0 = 0; i0 < k; i0 += kTogether) {
    const std::int64_t i1 = i0 + kTogether < k ? i0 + kTogether : k;
    for (int j = 0; j < width; ++j) {
      for (std::int64_t i = i0; i < i1; ++i) panel[i * padded + j] = b[i * b_k + j * b_n];
    }
    for (std::int64_t i = i0; i < i1; ++i) {
      for (int j = width; j < padded; ++j) panel[i * padded + j] = 0.0F;
    }
  }
}

void pack(const float* b, std::int64_t b_k, std::int64_t b_n, std::int64_t k, std::int64_t n, float* panels) {
  for (std::int64_t j = 0; j < n; j += kPanel) {
    const int width = static_cast<int>(n - j < kPanel ? n - j : kPanel);
    pack_panel(b + j * b_n, b_k, b_n, k, width, panels + j * k);
  }
}

/// The panel of B that begins at column j and step k0, and the distance of its rows in t.b_k.
const float* panel_of(const GemmTask& task, std::int64_t j, int width, std::int64_t k0, std::int64_t depth, std::int64_t* b_k) {
  const int padded = (width + kLanes - 1) / kLanes * kLanes;
  *b_k = padded;
  if (task.panels != nullptr) return task.panels + j * task.k + k0 * padded;
  const float* b = task.b + k0 * task.b_k + j * task.b_n;
  if (task.b_n == 1 && width == padded && (task.m < kRowsToPack || task.b_k <= kNear)) {
    *b_k = task.b_k;
    return b;
  }
  pack_panel(b, task.b_k, task.b_n, depth, width, task.scratch);
  return task.scratch;
}

/// C that is added as it is, in rows of neighbours, is where the sums start. Any other comes on top, by `finish`.
bool starts_from_c(const GemmTask& task) {
  return task.c != nullptr && task.alpha == 1.0F && task.beta == 1.0F && (task.c_n == 1 || task.n == 1);
}

void finish(const GemmTask& task) {
  for (std::int64_t i = 0; i < task.m; ++i) {
    float* y = task.y + i * task.y_m;
    for (std::int64_t j = 0; j < task.n; ++j) {
      y[j] *= task.alpha;
      if (task.c != nullptr) y[j] += task.beta * task.c[i * task.c_m + j * task.c_n];
    }
  }
}

/// Whether a copy of A whose rows are neighbours in memory, tile by tile, pays: read where they lie, all steps of a tile are in other
/// cache lines.
bool packs_rows(const GemmTask& task) {
  return kPacksRows && task.a_m == 1 && task.a_k > 128 && task.n > 2 * kPanel && task.scratch != nullptr;
}

void pack_rows(const float* a, std::int64_t a_k, std::int64_t rows, std::int64_t depth, float* to) {
  for (std::int64_t k0 = 0; k0 < depth; k0 += kTogether) {
    const std::int64_t k1 = k0 + kTogether < depth ? k0 + kTogether : depth;
    for (std::int64_t i = 0; i < rows; i += kWholeTile) {
      const bool whole = rows - i >= kWholeTile;
      for (std::int64_t k = k0; k < k1; ++k) {
        const float* from = a + k * a_k + i;
        float* tile = to + i * depth + k * kWholeTile;
        std::memcpy(tile, from, whole ? kWholeTile * sizeof(float) : static_cast<std::size_t>(rows - i) * sizeof(float));
      }
    }
  }
}

/// `depth` steps along k from k0 on, and what the sums start from; null: zero.
struct Part {
  std::int64_t k0, depth;
  const float* start;
  std::int64_t start_m;
};

/// `rows` rows of Y from i0 on, in all columns.
void block(const GemmTask& task, const Part& part, std::int64_t i0, std::int64_t rows) {
  const float* a = task.a + i0 * task.a_m + part.k0 * task.a_k;
  const bool packs = packs_rows(task);
  if (packs) {
    float* packed = task.scratch + kPanel * part.depth;
    pack_rows(a, task.a_k, rows, part.depth, packed);
    a = packed;
  }
  for (std::int64_t j = 0; j < task.n; j += kPanel) {
    const int width = static_cast<int>(task.n - j < kPanel ? task.n - j : kPanel);
    const int vecs = (width + kLanes - 1) / kLanes;
    const int most = packs ? kWholeTile : kTileRows[vecs];
    Tile t{.k = part.depth,
           .a = nullptr,
           .a_m = task.a_m,
           .a_k = packs ? kWholeTile : task.a_k,
           .b = nullptr,
           .b_k = 0,
           .start = nullptr,
           .start_m = part.start_m,
           .y = nullptr,
           .y_m = task.y_m,
           .last_columns = width - (vecs - 1) * kLanes};
    t.b = panel_of(task, j, width, part.k0, part.depth, &t.b_k);
    for (std::int64_t i = 0; i < rows; i += most) {
      t.a = a + i * (packs ? part.depth : task.a_m);
      t.y = task.y + (i0 + i) * task.y_m + j;
      if (part.start != nullptr) t.start = part.start + (i0 + i) * part.start_m + j;
      kTiles[vecs - 1][(rows - i < most ? rows - i : most) - 1](t);
    }
  }
}

/// Adds kSteps steps along k to one row of Y or two; the first ones begin them. `a` and `b` are those of the first step.
template <int kSteps>
void add_steps(const GemmTask& task, const float* a, const float* b, std::int64_t rows, bool is_first, float* y) {
  const float* const below = a + (rows > 1 ? task.a_m : 0);
  float* const y1 = y + (rows > 1 ? task.y_m : 0);
  Vec factors[2][kSteps];
#pragma GCC unroll 4
  for (int k = 0; k < kSteps; ++k) {
    factors[0][k] = splat(a[k * task.a_k]);
    factors[1][k] = splat(below[k * task.a_k]);
  }
  const auto add = [&](std::int64_t j, auto get, auto put) {
    Vec sums[2] = {};
    if (!is_first) {
      sums[0] = get(y + j);
      sums[1] = get(y1 + j);
    }
#pragma GCC unroll 4
    for (int k = 0; k < kSteps; ++k) {
      const Vec row = get(b + k * task.b_k + j);
      multiply_add(sums[0], factors[0][k], row);
      multiply_add(sums[1], factors[1][k], row);
    }
    put(y + j, sums[0]);
    put(y1 + j, sums[1]);
  };
  std::int64_t j = 0;
  for (; j + kLanes <= task.n; j += kLanes) add(j, [](const float* p) { return load(p); }, [](float* p, Vec v) { store(p, v); });
  if (const int left = static_cast<int>(task.n - j); left > 0) {
    add(j, [left](const float* p) { return load_part(p, left); }, [left](float* p, Vec v) { store_part(p, left, v); });
  }
}

/// Two rows of Y at a time, for products of few steps: tiles would be all beginning and end.
void run_by_rows(const GemmTask& task) {
  constexpr auto kAdd = std::array{add_steps<1>, add_steps<2>, add_steps<3>, add_steps<4>};
  for (std::int64_t i = 0; i < task.m; i += 2) {
    for (std::int64_t k = 0; k < task.k; k += 4) {
      const std::int64_t steps = task.k - k < 4 ? task.k - k : 4;
      kAdd[steps - 1](task, task.a + i * task.a_m + k * task.a_k, task.b + k * task.b_k, task.m - i, k == 0, task.y + i * task.y_m);
    }
  }
}

bool goes_by_rows(const GemmTask& task) {
  return task.k > 0 && task.k <= kFewSteps && task.n >= 8 * kLanes && task.b_n == 1 && task.panels == nullptr && task.c == nullptr &&
         task.alpha == 1.0F;
}

void run(const GemmTask& task) {
  if (goes_by_rows(task)) return run_by_rows(task);
  const bool from_c = starts_from_c(task);
  std::int64_t k0 = 0;
  do {  // also once when k is 0: y is zero, or C
    const Part part{.k0 = k0,
                    .depth = task.k - k0 < kDepth ? task.k - k0 : kDepth,
                    .start = k0 > 0 ? task.y : (from_c ? task.c : nullptr),
                    .start_m = k0 > 0 ? task.y_m : task.c_m};
    for (std::int64_t i = 0; i < task.m;) {
      const std::int64_t rows = task.m - i < kBlock ? task.m - i : kBlock;
      block(task, part, i, rows);
      i += rows;
    }
    k0 += kDepth;
  } while (k0 < task.k);
  if (task.alpha != 1.0F || (task.c != nullptr && !from_c)) finish(task);
}

}  // namespace

void add_gemm(Simd& table) {
  table.gemm = {.run = run, .pack = pack, .panel = kPanel, .lanes = kLanes, .depth = kDepth, .block = kPacksRows ? kBlock : 0};
}

}  // namespace n2d2::cpu::N2D2_ISA
