// The largest of some numbers and its place, lane by lane: the step of every max-pool.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

/// The first of equals and the first NaN win.
struct MaxPlace {
  Vec value;
  VecInt place;

  inline void consider(Vec v, int at) {
#if defined(__AVX512F__)
    // Larger, or a first NaN.
    const __mmask16 larger = _mm512_cmp_ps_mask(v, value, _CMP_NLE_UQ);
    const __mmask16 take = _mm512_mask_cmp_ps_mask(larger, value, value, _CMP_ORD_Q);
    value = _mm512_mask_mov_ps(value, take, v);
    place =
        reinterpret_cast<VecInt>(_mm512_mask_mov_epi32(reinterpret_cast<__m512i>(place), take, reinterpret_cast<__m512i>(VecInt{} + at)));
#else
    const VecInt take = ~(v <= value) & (value == value);  // also a first NaN
    value = take ? v : value;
    place = take ? (VecInt{} + at) : place;
#endif
  }
  /// max(., 0); NaN stays.
  inline void relu() { value = value <= Vec{} ? Vec{} : value; }
  /// The first `n` channels.
  inline void put(float* y, std::uint8_t* argmax, int n) const {
    n == kLanes ? store(y, value) : store_part(y, n, value);
    store_bytes(argmax, n, place);
  }
};

#if !defined(__AVX512F__)
/// max(), by name: GCC 12 blends where the comparison is there already.
static inline Vec larger(Vec a, Vec b) {
#if defined(__AVX2__)
  return _mm256_max_ps(a, b);
#else
  return max(a, b);
#endif
}

/// Four places of windows without NaN among them, by pairs: fewer steps than one after the other, and none that the multiply-adds wait for.
struct MaxOfFour {
  Vec value;
  VecInt minus_place;

  inline MaxOfFour(Vec first, Vec second, Vec third, Vec fourth) {
    const VecInt is_second = second > first, is_fourth = fourth > third;
    const Vec above = larger(second, first), below = larger(fourth, third);
    const VecInt is_below = below > above;
    value = larger(below, above);
    const VecInt place = is_below & (is_fourth - 2);
#if defined(__AVX2__)
    minus_place = reinterpret_cast<VecInt>(_mm256_min_epi32(reinterpret_cast<__m256i>(place), reinterpret_cast<__m256i>(is_second)));
#else
    minus_place = place < is_second ? place : is_second;
#endif
  }
  inline void put(float* y, std::uint8_t* argmax, int n) const {
    store_pieces(y, n, value);
    store_bytes(argmax, n, -minus_place);
  }
};

/// Whether one of them is NaN, lane by lane.
static inline VecInt either_nan(Vec a, Vec b) {
#if defined(__AVX2__)
  return reinterpret_cast<VecInt>(_mm256_cmp_ps(a, b, _CMP_UNORD_Q));
#else
  return reinterpret_cast<VecInt>(__builtin_ia32_cmpunordps(a, b));
#endif
}
/// Whether a comparison holds in any lane.
static inline bool any(VecInt v) {
#if defined(__AVX2__)
  return _mm256_testz_si256(reinterpret_cast<__m256i>(v), reinterpret_cast<__m256i>(v)) == 0;
#else
  return __builtin_ia32_movmskps(reinterpret_cast<Vec>(v)) != 0;
#endif
}

#if defined(__AVX2__)
/// Two vectors of places as neighbours.
static inline void put_places(const MaxOfFour& a, const MaxOfFour& b, std::uint8_t* argmax) {
  const __m256i both = _mm256_packs_epi32(reinterpret_cast<__m256i>(a.minus_place), reinterpret_cast<__m256i>(b.minus_place));
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(both), _mm256_extracti128_si256(both, 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(argmax), _mm_abs_epi8(_mm_shuffle_epi32(bytes, _MM_SHUFFLE(3, 1, 2, 0))));
}
#else
static inline void put_places(const MaxOfFour& a, const MaxOfFour& b, std::uint8_t* argmax) {
  store_bytes(argmax, kLanes, -a.minus_place);
  store_bytes(argmax + kLanes, kLanes, -b.minus_place);
}
#endif
#endif

#if defined(__AVX512F__)
/// The same for half a vector.
struct MaxPlaceHalf {
  VecHalf value;
  __m256i place;

  inline void consider(VecHalf v, int at) {
    const __mmask8 larger = _mm256_cmp_ps_mask(v, value, _CMP_NLE_UQ);
    const __mmask8 take = _mm256_mask_cmp_ps_mask(larger, value, value, _CMP_ORD_Q);
    value = _mm256_mask_mov_ps(value, take, v);
    place = _mm256_mask_mov_epi32(place, take, _mm256_set1_epi32(at));
  }
  inline void relu() { value = value <= VecHalf{} ? VecHalf{} : value; }
  inline void put(float* y, std::uint8_t* argmax, int n) const {
    const auto mask = static_cast<__mmask8>((1U << n) - 1U);
    _mm256_mask_storeu_ps(y, mask, value);
    _mm256_mask_cvtepi32_storeu_epi8(argmax, mask, place);
  }
};
#endif

}  // namespace n2d2::cpu::N2D2_ISA
