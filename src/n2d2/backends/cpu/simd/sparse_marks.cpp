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
#endif

void mark_places(const SparseGradients& from, std::uint32_t* bits) {
#if defined(__AVX512F__)
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
