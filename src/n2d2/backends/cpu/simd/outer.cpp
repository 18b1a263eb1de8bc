// Sums of outer products in register tiles: one side is broadcast, the other is vectors, and every pixel adds to the whole tile.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

// Sums, the vectors of a pixel and a broadcast must fit the registers: 32 with AVX-512, else 16.
constexpr int kMaxVecs = 2;
constexpr int kMaxGroups = 3;
#if defined(__AVX512F__)
constexpr int kMaxRows[kMaxVecs] = {28, 14};
#else
constexpr int kMaxRows[kMaxVecs] = {12, 6};
#endif

/// The vectors of a tile.
struct Some {
  using Type = Vec;
  static constexpr int kWidth = kLanes;
  static constexpr int kAtOnce = 1;  ///< pixels that are added without a branch
  static Vec multiply_add(Vec a, Vec b, Vec c) { return fma(a, b, c); }
  static Vec load_all(const float* p) { return load(p); }
  static Vec load_last(const float* p, int n) { return load_part(p, n); }
  static void put(Vec v, float* to, bool starts) { store(to, starts ? v : load(to) + v); }
};
/// Whose last one is whole: with AVX2 a load under a mask takes longer.
struct Whole : Some {
  static constexpr int kAtOnce = 2;
  static Vec load_last(const float* p, int /*n*/) { return load(p); }
};
#if defined(__AVX512F__)
/// For at most eight columns: processors that work on 256 bits at a time lose nothing on it.
struct Half {
  typedef float Type __attribute__((vector_size(32)));
  typedef float Anywhere __attribute__((vector_size(32), aligned(4), may_alias));
  static constexpr int kWidth = 8;
  static constexpr int kAtOnce = 1;
  static Type multiply_add(Type a, Type b, Type c) { return _mm256_fmadd_ps(a, b, c); }
  static Type load_all(const float* p) { return *reinterpret_cast<const Anywhere*>(p); }
  static Type load_last(const float* p, int n) { return _mm256_maskz_loadu_ps(static_cast<__mmask8>((1U << n) - 1U), p); }
  static void put(Type v, float* to, bool starts) {
    Anywhere& at = *reinterpret_cast<Anywhere*>(to);
    at = starts ? v : at + v;
  }
};
#endif

/// `kGroups` times `kRun` rows; `last` columns of the last vector count.
template <class V, int kGroups, int kRun, int kVecs>
void tile(const OuterTask& t, const float* a, const float* b, int last, float* sums) {
  using Type = typename V::Type;
  constexpr int kAtOnce = V::kAtOnce;
  const std::int64_t a_step = t.a.pixel, b_step = t.b.pixel;
  Type total[kGroups][kRun][kVecs] = {};
  const auto add = [&](const float* from, const float* columns) __attribute__((always_inline)) {
    Type vec[kVecs];
#pragma GCC unroll 2
    for (int j = 0; j + 1 < kVecs; ++j) vec[j] = V::load_all(columns + j * V::kWidth);
    vec[kVecs - 1] = V::load_last(columns + (kVecs - 1) * V::kWidth, last);
#pragma GCC unroll 3
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 28
      for (int i = 0; i < kRun; ++i) {
        const Type factor = from[g * t.a_group + i] - Type{};
#pragma GCC unroll 2
        for (int j = 0; j < kVecs; ++j) total[g][i][j] = V::multiply_add(factor, vec[j], total[g][i][j]);
      }
    }
  };
  for (std::int64_t image = 0; image < t.images; ++image) {
    for (std::int64_t row = 0; row < t.rows; ++row) {
      const float* from = a + image * t.a.image + row * t.a.row;
      const float* columns = b + image * t.b.image + row * t.b.row;
      std::int64_t left = t.pixels;
      for (; left >= kAtOnce; left -= kAtOnce, from += kAtOnce * a_step, columns += kAtOnce * b_step) {
#pragma GCC unroll 2
        for (int i = 0; i < kAtOnce; ++i) add(from + i * a_step, columns + i * b_step);
      }
      if (kAtOnce > 1 && left > 0) add(from, columns);
    }
  }
  const std::int64_t sums_row = t.sums_row;
  const auto put = [&](bool starts) __attribute__((always_inline)) {
#pragma GCC unroll 3
    for (int g = 0; g < kGroups; ++g) {
#pragma GCC unroll 28
      for (int i = 0; i < kRun; ++i) {
#pragma GCC unroll 2
        for (int j = 0; j < kVecs; ++j) V::put(total[g][i][j], sums + g * t.sums_group + i * sums_row + j * V::kWidth, starts);
      }
    }
  };
  t.starts ? put(true) : put(false);
}

using Tile = void (*)(const OuterTask&, const float*, const float*, int, float*);
template <class V, int kGroups, int kRun, int kVecs>
constexpr Tile tile_that_fits() {
  if constexpr (kGroups * kRun <= kMaxRows[kVecs - 1]) {
    return tile<V, kGroups, kRun, kVecs>;
  } else {
    return nullptr;
  }
}

/// Tiles of one width, for every number of groups and length of run; null where the registers would not do.
constexpr int kMaxRun = 28;
struct Tiles {
  int vecs, vec;  ///< vectors across, columns of one
  int most;       ///< rows
  Tile of[kMaxGroups][kMaxRun];
};
template <class V, int kGroups, int kVecs, int... kRuns>
constexpr void fill(Tile* to) {
  ((to[kRuns - 1] = tile_that_fits<V, kGroups, kRuns, kVecs>()), ...);
}
template <class V, int kVecs>
constexpr Tiles make_tiles() {
  Tiles tiles{kVecs, V::kWidth, kMaxRows[kVecs - 1], {}};
  fill<V, 1, kVecs, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28>(tiles.of[0]);
  fill<V, 2, kVecs, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14>(tiles.of[1]);
  fill<V, 3, kVecs, 1, 2, 3, 4, 5, 6, 7, 8, 9>(tiles.of[2]);
  return tiles;
}
/// From the narrowest on.
#if defined(__AVX512F__)
constexpr Tiles kTiles[] = {make_tiles<Half, 1>(), make_tiles<Some, 1>(), make_tiles<Some, 2>()};
#else
constexpr Tiles kTiles[] = {make_tiles<Some, 1>(), make_tiles<Some, 2>()};
constexpr Tiles kWholeTiles[] = {make_tiles<Whole, 1>(), make_tiles<Whole, 2>()};
#endif
constexpr int kWidths = sizeof(kTiles) / sizeof(kTiles[0]);

/// How many of `left` groups a tile takes, of runs of that length.
int groups_of(const Tiles& tiles, std::int64_t run, std::int64_t left) {
  int groups = left < kMaxGroups ? static_cast<int>(left) : (left == kMaxGroups + 1 ? 2 : kMaxGroups);  // 4 = 2 + 2
  while (groups > 1 && (run > kMaxRun || tiles.of[groups - 1][run - 1] == nullptr)) --groups;
  return groups;
}

/// All rows, for the columns of b from `column` on that fill the vectors of the tiles.
void each_row(const OuterTask& t, const Tiles& tiles, std::int64_t column, int last) {
  const std::int64_t parts = (t.a.width + tiles.most - 1) / tiles.most;
  for (std::int64_t group = 0; group < t.groups;) {
    const int groups = groups_of(tiles, t.a.width, t.groups - group);
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t begin = t.a.width * part / parts, end = t.a.width * (part + 1) / parts;
      tiles.of[groups - 1][end - begin - 1](t, t.a.data + group * t.a_group + begin, t.b.data + column, last,
                                            t.sums + group * t.sums_group + begin * t.sums_row + column);
    }
    group += groups;
  }
}

/// Tiles below each other first: the vectors of their pixels stay in the first-level cache.
void outer(const OuterTask& t) {
  for (std::int64_t column = 0; column < t.b.width;) {
    const std::int64_t left = t.b.width - column;
    int chosen = 0;
    while (chosen + 1 < kWidths && left > kTiles[chosen].vecs * kTiles[chosen].vec) ++chosen;
    const Tiles& tiles = kTiles[chosen];
    const std::int64_t width = left < tiles.vecs * tiles.vec ? left : tiles.vecs * tiles.vec;
    const int last = static_cast<int>(width - (tiles.vecs - 1) * tiles.vec);
#if defined(__AVX512F__)
    each_row(t, tiles, column, last);
#else
    each_row(t, last == kLanes ? kWholeTiles[chosen] : tiles, column, last);
#endif
    column += width;
  }
}

}  // namespace

void add_outer(Simd& table);
void add_outer(Simd& table) { table.outer = outer; }

}  // namespace n2d2::cpu::N2D2_ISA
