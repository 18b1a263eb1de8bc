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
