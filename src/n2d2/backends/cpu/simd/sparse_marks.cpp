// Which gradients behind a max-pool are not 0: a bit for each.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

#if defined(__AVX512F__)
/// Gradients behind the Relu's mask, if there is one.
static inline Vec gradients_at(const SparseGradients& from, std::int64_t i, int n) {
  const Vec dy = load_part(from.dy + i, n);
  return from.y != nullptr ? (load_part(from.y + i, n) <= Vec{} ? Vec{} : dy) : dy;
}

constexpr int kMostPlaces = 16;  // more cost less one by one

void mark_places_by_vectors(const SparseGradients& from, std::uint32_t* bits) {
  const std::int64_t words = from.channel_words(), keys = from.windows * from.places;
  auto* halves = reinterpret_cast<char*>(bits);
  for (std::int64_t window = 0; window < from.windows; ++window) {
    for (std::int64_t half = 0; half < 2 * words; ++half) {
      const std::int64_t left = from.channels - half * kLanes, at = left > 0 ? window * from.channels + half * kLanes : 0;
      const int n = left > kLanes ? kLanes : (left > 0 ? static_cast<int>(left) : 0);
      const auto argmax = reinterpret_cast<__m512i>(load_bytes(from.argmax + at, n));
      const __mmask16 any = _mm512_cmp_ps_mask(gradients_at(from, at, n), Vec{}, _CMP_NEQ_UQ);  // NaN counts
      for (int place = 0; place < from.places; ++place) {
        const __mmask16 chosen = _mm512_mask_cmpeq_epi32_mask(any, argmax, reinterpret_cast<__m512i>(VecInt{} + place));
        const std::int64_t key = half / 2 * keys + window * from.places + place;
        __builtin_memcpy(halves + 4 * key + 2 * (half % 2), &chosen, 2);
      }
    }
  }
}
#elif defined(__AVX2__)
constexpr int kMostPlaces = 16;  // more cost less one by one

/// A bit for each of `n` <= 32 gradients, from `i` on, that is not 0.
static inline std::uint32_t live_from(const SparseGradients& from, std::int64_t i, int n) {
  std::uint32_t bits = 0;
  for (int lane = 0; lane < n; lane += kLanes) {
    const int count = n - lane < kLanes ? n - lane : kLanes;
    const bool is_whole = count == kLanes;
    __m256 live = _mm256_cmp_ps(is_whole ? load(from.dy + i + lane) : load_part(from.dy + i + lane, count), Vec{}, _CMP_NEQ_UQ);
    if (from.y != nullptr) {
      const Vec y = is_whole ? load(from.y + i + lane) : load_part(from.y + i + lane, count);
      live = _mm256_andnot_ps(_mm256_cmp_ps(y, Vec{}, _CMP_LE_OQ), live);
    }
    bits |= static_cast<std::uint32_t>(_mm256_movemask_ps(live)) << lane;
  }
  return bits;
}

void mark_places_by_vectors(const SparseGradients& from, std::uint32_t* bits) {
  const std::int64_t keys = from.windows * from.places;
  for (std::int64_t window = 0; window < from.windows; ++window) {
    for (std::int64_t c = 0; c < from.channels; c += 32) {
      const std::int64_t at = window * from.channels + c;
      const int n = from.channels - c < 32 ? static_cast<int>(from.channels - c) : 32;
      const std::uint32_t any = live_from(from, at, n);
      __m256i argmax{};
      if (n == 32) {
        argmax = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from.argmax + at));
      } else {
        __builtin_memcpy(&argmax, from.argmax + at, static_cast<std::size_t>(n));
      }
      for (int place = 0; place < from.places; ++place) {
        const __m256i chosen = _mm256_cmpeq_epi8(argmax, _mm256_set1_epi8(static_cast<char>(place)));
        bits[c / 32 * keys + window * from.places + place] = any & static_cast<std::uint32_t>(_mm256_movemask_epi8(chosen));
      }
    }
  }
}
#endif

void mark_places(const SparseGradients& from, std::uint32_t* bits) {
#if defined(__AVX2__)
  if (from.places <= kMostPlaces) return mark_places_by_vectors(from, bits);
#endif
  const std::int64_t keys = from.windows * from.places;
  for (std::int64_t i = 0; i < from.channel_words() * keys; ++i) bits[i] = 0;
  for (std::int64_t window = 0, i = 0; window < from.windows; ++window) {
    for (std::int64_t c = 0; c < from.channels; ++c, ++i) {
      const float gradient = from.y != nullptr && from.y[i] <= 0.0F ? 0.0F : from.dy[i];
      bits[c / 32 * keys + window * from.places + from.argmax[i]] |= (gradient == 0.0F ? 0U : 1U) << (c % 32);
    }
  }
}

}  // namespace

void add_sparse_marks(Simd& table);
void add_sparse_marks(Simd& table) { table.mark_places = mark_places; }

}  // namespace n2d2::cpu::N2D2_ISA
