// Sums over the few outputs of a convolution that have a gradient: behind a max-pool, one per window and channel at most.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kMaxVecs = 8;
#else
constexpr int kMaxVecs = 12;
#endif

/// Some rows of a patch, a few vectors wide; `last` columns of the last vector count.
struct Patch {
  const SparseEntry* entries;
  std::int64_t count, step;
  std::int64_t from_row, to_row;
  int last;
};

#if defined(__AVX512F__)
constexpr bool kOverlaps = false;
#else
constexpr bool kOverlaps = true;  ///< the last vector ends with the row and repeats sums of the one before: masks are slow
#endif

template <bool kWhole, int kVecs>
static inline void load_row(const float* from, int last, Vec (&row)[kVecs]) {
#pragma GCC unroll 12
  for (int j = 0; j + 1 < kVecs; ++j) row[j] = load(from + j * kLanes);
  const float* end = from + (kVecs - 1) * kLanes;
  if constexpr (kOverlaps && !kWhole && kVecs > 1) {
    row[kVecs - 1] = load(end + last - kLanes);
  } else {
    row[kVecs - 1] = kWhole ? load(end) : load_part(end, last);
  }
}

template <bool kWhole, int kVecs>
static inline void store_row(float* to, int last, const Vec (&row)[kVecs]) {
#pragma GCC unroll 12
  for (int j = 0; j + 1 < kVecs; ++j) store(to + j * kLanes, row[j]);
  float* end = to + (kVecs - 1) * kLanes;
  if constexpr (kOverlaps && !kWhole && kVecs > 1) {
    store(end + last - kLanes, row[kVecs - 1]);
  } else {
    kWhole ? store(end, row[kVecs - 1]) : store_part(end, last, row[kVecs - 1]);
  }
}

template <bool kWhole, int kRows, int kVecs>
static inline void sum_entries(const Patch& p, const float* from, float* to) {
  Vec total[kRows][kVecs];
#pragma GCC unroll 5
  for (int r = 0; r < kRows; ++r) load_row<kWhole>(to + r * p.to_row, p.last, total[r]);
  const SparseEntry* entry = p.entries;
  for (std::int64_t n = 0; n < p.count; ++n, entry += p.step) {
    const Vec factor = splat(entry->gradient);
    const float* at = from + entry->offset;
#pragma GCC unroll 5
    for (int r = 0; r < kRows; ++r) {
      Vec row[kVecs];
      load_row<kWhole>(at + r * p.from_row, p.last, row);
#pragma GCC unroll 12
      for (int j = 0; j < kVecs; ++j) total[r][j] = fma(factor, row[j], total[r][j]);
    }
  }
#pragma GCC unroll 5
  for (int r = 0; r < kRows; ++r) store_row<kWhole>(to + r * p.to_row, p.last, total[r]);
}

template <int kRows, int kVecs>
void dot(const Patch& p, const float* from, float* to) {
  p.last == kLanes ? sum_entries<true, kRows, kVecs>(p, from, to) : sum_entries<false, kRows, kVecs>(p, from, to);
}

using Dot = void (*)(const Patch&, const float*, float*);

/// Rows at a time, by number of vectors; null where the registers would not do.
#if defined(__AVX512F__)
constexpr int kHeights = 3;
constexpr std::int64_t kRowsOf[kHeights] = {1, 3, 5};
constexpr Dot kDots[kHeights][kMaxVecs] = {
    {dot<1, 1>, dot<1, 2>, dot<1, 3>, dot<1, 4>, dot<1, 5>, dot<1, 6>, dot<1, 7>, dot<1, 8>},
    {dot<3, 1>, dot<3, 2>, dot<3, 3>, dot<3, 4>, dot<3, 5>, dot<3, 6>, dot<3, 7>, dot<3, 8>},
    {dot<5, 1>, dot<5, 2>, dot<5, 3>, dot<5, 4>, dot<5, 5>},
};
#else
constexpr int kHeights = 4;
constexpr std::int64_t kRowsOf[kHeights] = {1, 2, 3, 5};
constexpr Dot kDots[kHeights][kMaxVecs] = {
    {dot<1, 1>, dot<1, 2>, dot<1, 3>, dot<1, 4>, dot<1, 5>, dot<1, 6>, dot<1, 7>, dot<1, 8>, dot<1, 9>, dot<1, 10>, dot<1, 11>, dot<1, 12>},
    {dot<2, 1>, dot<2, 2>, dot<2, 3>, dot<2, 4>, dot<2, 5>, dot<2, 6>},
    {dot<3, 1>, dot<3, 2>, dot<3, 3>, dot<3, 4>},
    {dot<5, 1>, dot<5, 2>},
};
#endif

/// Floats of the next tile of a row of so many: as few tiles as possible, and about as wide as each other.
static inline std::int64_t tile_width([[maybe_unused]] std::int64_t width) {
#if defined(__AVX512F__)
  return kMaxVecs * kLanes;
#else
  const std::int64_t vecs = (width + kLanes - 1) / kLanes, tiles = (vecs + kMaxVecs - 1) / kMaxVecs;
  return (vecs + tiles - 1) / tiles * kLanes;
#endif
}

void sparse_dot(const SparseEntry* entries, std::int64_t count, bool backwards, const SparsePatch& patch, const float* from, float* to) {
  if (count == 0) return;
  if (backwards) entries += count - 1;
  const std::int64_t most = tile_width(patch.width);
  for (std::int64_t column = 0; column < patch.width; column += most) {
    const std::int64_t columns = patch.width - column < most ? patch.width - column : most;
    const int vecs = static_cast<int>((columns + kLanes - 1) / kLanes);
    const Patch part{entries, count, backwards ? -1 : 1, patch.from_row, patch.to_row, static_cast<int>(columns - (vecs - 1) * kLanes)};
    for (std::int64_t r = 0; r < patch.rows;) {
      int height = kHeights - 1;
      while (patch.rows - r < kRowsOf[height] || kDots[height][vecs - 1] == nullptr) --height;
      kDots[height][vecs - 1](part, from + r * patch.from_row + column, to + r * patch.to_row + column);
      r += kRowsOf[height];
    }
  }
}

}  // namespace

void add_sparse(Simd& table);
void add_sparse(Simd& table) { table.sparse_dot = sparse_dot; }

}  // namespace n2d2::cpu::N2D2_ISA
