// Lists of the gradients behind a max-pool: vectors of channels are compressed to those that are not 0.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// Gradients behind the Relu's mask, if there is one.
static inline float gradient_at(const SparseGradients& from, std::int64_t i) {
  return from.y != nullptr && from.y[i] <= 0.0F ? 0.0F : from.dy[i];
}

/// Appends without a branch; NaN counts.
static inline void append(const SparseLists& lists, std::int64_t key, std::int32_t offset, float gradient) {
  const std::int32_t count = lists.counts[key];
  lists.entries[key * lists.room + count] = {offset, gradient};
  lists.counts[key] = count + (gradient == 0.0F ? 0 : 1);
}

#if defined(__AVX512F__)
constexpr __mmask16 kAll = 0xffff;

static inline Vec gradients_at(const SparseGradients& from, std::int64_t i, int n) {
  const Vec dy = load_part(from.dy + i, n);
  return from.y != nullptr && n > 0 ? (load_part(from.y + i, n) <= Vec{} ? Vec{} : dy) : dy;
}

static inline __mmask16 live(Vec gradient) { return _mm512_cmp_ps_mask(gradient, Vec{}, _CMP_NEQ_UQ); }

/// Appends the chosen lanes. Writes whole vectors: lists have room for as many entries as there are lanes that could be chosen.
static inline void append(const SparseLists& lists, std::int64_t key, __mmask16 chosen, VecInt offsets, Vec gradients) {
  const std::int32_t count = lists.counts[key], more = __builtin_popcount(chosen);
  auto* to = reinterpret_cast<float*>(lists.entries + key * lists.room + count);
  const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  const __m512i offset = _mm512_maskz_compress_epi32(chosen, reinterpret_cast<__m512i>(offsets));
  const __m512i gradient = _mm512_maskz_compress_epi32(chosen, reinterpret_cast<__m512i>(gradients));
  _mm512_storeu_si512(to, _mm512_permutex2var_epi32(offset, low, gradient));
  if (more > kLanes / 2) {
    const __m512i high = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    _mm512_storeu_si512(to + kLanes, _mm512_permutex2var_epi32(offset, high, gradient));
  }
  lists.counts[key] = count + more;
}

constexpr int kMostPlaces = 16;

void list_places_by_vectors(const SparseGradients& from, std::int64_t step, const SparseLists& lists) {
  VecInt index;
  for (int lane = 0; lane < kLanes; ++lane) index[lane] = lane;
  for (std::int64_t window = 0; window < from.windows; ++window) {
    for (std::int64_t c = 0; c < from.channels; c += kLanes) {
      const int n = from.channels - c < kLanes ? static_cast<int>(from.channels - c) : kLanes;
      const std::int64_t at = window * from.channels + c;
      const Vec gradient = gradients_at(from, at, n);
      const auto argmax = reinterpret_cast<__m512i>(load_bytes(from.argmax + at, n));
      const VecInt offsets = (index + static_cast<std::int32_t>(c)) * static_cast<std::int32_t>(step);
      const __mmask16 any = live(gradient);
      for (int place = 0; place < from.places; ++place) {
        const __mmask16 chosen = _mm512_mask_cmpeq_epi32_mask(any, argmax, reinterpret_cast<__m512i>(VecInt{} + place));
        append(lists, window * from.places + place, chosen, offsets, gradient);
      }
    }
  }
}

/// Columns become rows.
static inline void transpose(__m512i (&m)[16]) {
  __m512i t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_maskz_unpacklo_epi32(kAll, m[i], m[i + 1]);
    t[i + 1] = _mm512_maskz_unpackhi_epi32(kAll, m[i], m[i + 1]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      m[i + 2 * j] = _mm512_maskz_unpacklo_epi64(0xff, t[i + j], t[i + j + 2]);
      m[i + 2 * j + 1] = _mm512_maskz_unpackhi_epi64(0xff, t[i + j], t[i + j + 2]);
    }
  }
  // Now lane group g of m[i + k] holds column 4 g + k of rows i to i + 3.
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    t[k] = _mm512_maskz_shuffle_i32x4(kAll, m[k], m[4 + k], 0x88);
    t[4 + k] = _mm512_maskz_shuffle_i32x4(kAll, m[k], m[4 + k], 0xdd);
    t[8 + k] = _mm512_maskz_shuffle_i32x4(kAll, m[8 + k], m[12 + k], 0x88);
    t[12 + k] = _mm512_maskz_shuffle_i32x4(kAll, m[8 + k], m[12 + k], 0xdd);
  }
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    m[k] = _mm512_maskz_shuffle_i32x4(kAll, t[k], t[8 + k], 0x88);
    m[8 + k] = _mm512_maskz_shuffle_i32x4(kAll, t[k], t[8 + k], 0xdd);
    m[4 + k] = _mm512_maskz_shuffle_i32x4(kAll, t[4 + k], t[12 + k], 0x88);
    m[12 + k] = _mm512_maskz_shuffle_i32x4(kAll, t[4 + k], t[12 + k], 0xdd);
  }
}

void list_channels_by_vectors(const SparseGradients& from, const std::int32_t* windows, const std::int32_t* places,
                              const SparseLists& lists) {
  const __m512i table = _mm512_maskz_loadu_epi32(static_cast<__mmask16>((1U << from.places) - 1U), places);
  for (std::int64_t c = 0; c < from.channels; c += kLanes) {
    const int n = from.channels - c < kLanes ? static_cast<int>(from.channels - c) : kLanes;
    for (std::int64_t first = 0; first < from.windows; first += kLanes) {
      __m512i gradients[16], offsets[16];
      for (int i = 0; i < 16; ++i) {
        const bool exists = first + i < from.windows;
        const std::int64_t window = exists ? first + i : 0, at = window * from.channels + c;
        gradients[i] = reinterpret_cast<__m512i>(exists ? gradients_at(from, at, n) : Vec{});
        const auto argmax = reinterpret_cast<__m512i>(load_bytes(from.argmax + at, n));
        const auto place = reinterpret_cast<VecInt>(_mm512_maskz_permutexvar_epi32(kAll, argmax, table));
        offsets[i] = reinterpret_cast<__m512i>(place + windows[window]);
      }
      transpose(gradients);
      transpose(offsets);
      for (int i = 0; i < n; ++i) {
        const auto gradient = reinterpret_cast<Vec>(gradients[i]);
        append(lists, c + i, live(gradient), reinterpret_cast<VecInt>(offsets[i]), gradient);
      }
    }
  }
}
#elif defined(__AVX2__)
constexpr int kMostPlaces = 16;

/// By the set of pairs of floats that are kept: where each float of the first pairs comes from.
alignas(64) constexpr std::int32_t kKeptPairs[16][8] = {
    {0, 1, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}, {2, 3, 2, 3, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7},
    {4, 5, 2, 3, 4, 5, 6, 7}, {0, 1, 4, 5, 4, 5, 6, 7}, {2, 3, 4, 5, 4, 5, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7},
    {6, 7, 2, 3, 4, 5, 6, 7}, {0, 1, 6, 7, 4, 5, 6, 7}, {2, 3, 6, 7, 4, 5, 6, 7}, {0, 1, 2, 3, 6, 7, 6, 7},
    {4, 5, 6, 7, 4, 5, 6, 7}, {0, 1, 4, 5, 6, 7, 6, 7}, {2, 3, 4, 5, 6, 7, 6, 7}, {0, 1, 2, 3, 4, 5, 6, 7}};

static inline Vec gradients_at(const SparseGradients& from, std::int64_t i, int n) {
  const bool is_whole = n == kLanes;
  const Vec dy = is_whole ? load(from.dy + i) : load_part(from.dy + i, n);
  if (from.y == nullptr) return dy;
  return (is_whole ? load(from.y + i) : load_part(from.y + i, n)) <= Vec{} ? Vec{} : dy;
}

/// Writes the chosen ones of four entries, and others behind them.
static inline void put(SparseEntry* to, unsigned chosen, Vec entries) {
  const __m256i index = _mm256_load_si256(reinterpret_cast<const __m256i*>(kKeptPairs[chosen]));
  store(reinterpret_cast<float*>(to), _mm256_permutevar8x32_ps(entries, index));
}

void list_places_by_vectors(const SparseGradients& from, std::int64_t step, const SparseLists& lists) {
  VecInt index;
  for (int lane = 0; lane < kLanes; ++lane) index[lane] = lane;
  for (std::int64_t window = 0; window < from.windows; ++window) {
    for (std::int64_t c = 0; c < from.channels; c += kLanes) {
      const int n = from.channels - c < kLanes ? static_cast<int>(from.channels - c) : kLanes;
      const std::int64_t at = window * from.channels + c;
      const Vec gradient = gradients_at(from, at, n);
      const VecInt argmax = load_bytes(from.argmax + at, n), any = gradient != Vec{};
      const auto offsets = reinterpret_cast<Vec>((index + static_cast<std::int32_t>(c)) * static_cast<std::int32_t>(step));
      const Vec near = _mm256_unpacklo_ps(offsets, gradient), far = _mm256_unpackhi_ps(offsets, gradient);
      const Vec low = _mm256_permute2f128_ps(near, far, 0x20), high = _mm256_permute2f128_ps(near, far, 0x31);
      for (int place = 0; place < from.places; ++place) {
        const auto chosen = static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<Vec>(any & (argmax == place))));
        std::int32_t& total = lists.counts[window * from.places + place];
        const std::int32_t count = total;
        SparseEntry* to = lists.entries + (window * from.places + place) * lists.room + count;
        total = count + __builtin_popcount(chosen);
        put(to, chosen & 15U, low);
        put(to + __builtin_popcount(chosen & 15U), chosen >> 4, high);
      }
    }
  }
}

/// For each of eight lanes, the pairs of floats that four vectors of first and four of second ones give.
static inline void pair_lanes(const Vec (&first)[4], const Vec (&second)[4], Vec (&lanes)[8]) {
  __m256d pairs[2][4];  // of lanes 0, 1, 4, 5, and of the others
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    pairs[0][i] = _mm256_castps_pd(_mm256_unpacklo_ps(first[i], second[i]));
    pairs[1][i] = _mm256_castps_pd(_mm256_unpackhi_ps(first[i], second[i]));
  }
#pragma GCC unroll 2
  for (int k = 0; k < 2; ++k) {
    const auto& p = pairs[k];
    const __m256d even[2] = {_mm256_unpacklo_pd(p[0], p[1]), _mm256_unpacklo_pd(p[2], p[3])};
    const __m256d odd[2] = {_mm256_unpackhi_pd(p[0], p[1]), _mm256_unpackhi_pd(p[2], p[3])};
    lanes[2 * k] = _mm256_castpd_ps(_mm256_permute2f128_pd(even[0], even[1], 0x20));
    lanes[2 * k + 1] = _mm256_castpd_ps(_mm256_permute2f128_pd(odd[0], odd[1], 0x20));
    lanes[2 * k + 4] = _mm256_castpd_ps(_mm256_permute2f128_pd(even[0], even[1], 0x31));
    lanes[2 * k + 5] = _mm256_castpd_ps(_mm256_permute2f128_pd(odd[0], odd[1], 0x31));
  }
}

void list_channels_by_vectors(const SparseGradients& from, const std::int32_t* windows, const std::int32_t* places,
                              const SparseLists& lists) {
  alignas(32) std::int32_t table[kMostPlaces] = {};
  __builtin_memcpy(table, places, static_cast<std::size_t>(from.places) * sizeof *places);
  const __m256i low = _mm256_load_si256(reinterpret_cast<const __m256i*>(table));
  const __m256i high = _mm256_load_si256(reinterpret_cast<const __m256i*>(table + kLanes));
  for (std::int64_t c = 0; c < from.channels; c += kLanes) {
    const int n = from.channels - c < kLanes ? static_cast<int>(from.channels - c) : kLanes;
    for (std::int64_t first = 0; first < from.windows; first += 4) {
      Vec gradients[4], offsets[4], entries[8];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        const bool exists = first + i < from.windows;
        const std::int64_t window = exists ? first + i : 0, at = window * from.channels + c;
        gradients[i] = exists ? gradients_at(from, at, n) : Vec{};
        const VecInt argmax = load_bytes(from.argmax + at, n);
        const auto index = reinterpret_cast<__m256i>(argmax);
        const auto near = reinterpret_cast<VecInt>(_mm256_permutevar8x32_epi32(low, index));
        const auto far = reinterpret_cast<VecInt>(_mm256_permutevar8x32_epi32(high, index));
        offsets[i] = reinterpret_cast<Vec>((argmax > kLanes - 1 ? far : near) + windows[window]);
      }
      pair_lanes(offsets, gradients, entries);
#pragma GCC unroll 8
      for (int i = 0; i < kLanes; ++i) {
        if (i >= n) break;
        const auto chosen = _mm256_movemask_pd(reinterpret_cast<__m256d>(entries[i] != Vec{}));  // the upper floats are the gradients
        const std::int32_t count = lists.counts[c + i];
        put(lists.entries + (c + i) * lists.room + count, static_cast<unsigned>(chosen), entries[i]);
        lists.counts[c + i] = count + __builtin_popcount(static_cast<unsigned>(chosen));
      }
    }
  }
}
#endif

void list_places(const SparseGradients& from, std::int64_t step, const SparseLists& lists) {
#if defined(__AVX2__)
  if (from.places <= kMostPlaces) return list_places_by_vectors(from, step, lists);
#endif
  for (std::int64_t i = 0; i < from.windows * from.channels; ++i) {
    const std::int64_t window = i / from.channels, c = i % from.channels;
    append(lists, window * from.places + from.argmax[i], static_cast<std::int32_t>(c * step), gradient_at(from, i));
  }
}

void list_channels(const SparseGradients& from, const std::int32_t* windows, const std::int32_t* places, const SparseLists& lists) {
#if defined(__AVX2__)
  if (from.places <= kMostPlaces && from.channels > kLanes / 4) return list_channels_by_vectors(from, windows, places, lists);
#endif
  for (std::int64_t window = 0, i = 0; window < from.windows; ++window) {
    for (std::int64_t c = 0; c < from.channels; ++c, ++i) append(lists, c, windows[window] + places[from.argmax[i]], gradient_at(from, i));
  }
}

/// sums[c] += the gradients of channel c, window by window.
void sum_gradients(const SparseGradients& from, float* sums) {
  const Vec zero{};
  for (std::int64_t c = 0; c < from.channels; c += kLanes) {
    const int n = from.channels - c < kLanes ? static_cast<int>(from.channels - c) : kLanes;
    Vec total = load_part(sums + c, n);
    for (std::int64_t i = c; i < from.windows * from.channels; i += from.channels) {
      const Vec dy = load_part(from.dy + i, n);
      total += from.y != nullptr ? (load_part(from.y + i, n) <= zero ? zero : dy) : dy;
    }
    store_part(sums + c, n, total);
  }
}

}  // namespace

void add_sparse_lists(Simd& table);
void add_sparse_lists(Simd& table) {
  table.list_places = list_places;
  table.list_channels = list_channels;
  table.sum_gradients = sum_gradients;
}

}  // namespace n2d2::cpu::N2D2_ISA
