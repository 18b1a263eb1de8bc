// The vector type of the instruction set this file is compiled for: GCC vector extensions, and the few operations they lack.
// Only for the bodies in this folder. Everything is static: an inline function of a special instruction set must not be merged
// with its namesake of another one.
#pragma once
#include <cstddef>
#include <cstdint>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace n2d2::cpu::N2D2_ISA {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
constexpr int kVecBytes = kLanes * 4;

typedef float Vec __attribute__((vector_size(kVecBytes)));
/// Lanes of 32-bit integers: what comparing two Vec gives (all bits set where true).
typedef std::int32_t VecInt __attribute__((vector_size(kVecBytes)));
typedef float VecAnywhere __attribute__((vector_size(kVecBytes), aligned(4), may_alias));

static inline Vec load(const float* p) { return *reinterpret_cast<const VecAnywhere*>(p); }
static inline void store(float* p, Vec v) { *reinterpret_cast<VecAnywhere*>(p) = v; }
/// Minus zero, not plus: x - 0 is x for every x, so nothing but the broadcast is left.
static inline Vec splat(float a) { return a - Vec{}; }
static inline Vec max(Vec a, Vec b) { return a > b ? a : b; }
static inline Vec min(Vec a, Vec b) { return a < b ? a : b; }

/// a * b + c, in one rounding where the machine has it.
static inline Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

static inline Vec sqrt(Vec a) {
#if defined(__AVX512F__)
  return _mm512_maskz_sqrt_ps(static_cast<__mmask16>(0xffff), a);  // the plain form gives GCC 12 a false warning
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(a);
#else
  return __builtin_ia32_sqrtps(a);
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
alignas(64) static constexpr std::int32_t kMasks[2 * kLanes] = {-1, -1, -1, -1, -1, -1, -1, -1};
static inline __m256i mask_of(int n) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMasks + kLanes - n)); }
#endif

/// The first `n` <= kLanes numbers at p, zeros in the other lanes; touches no byte behind them.
static inline Vec load_part(const float* p, int n) {
#if defined(__AVX512F__)
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1U << n) - 1U), p);
#elif defined(__AVX2__)
  return _mm256_maskload_ps(p, mask_of(n));
#else
  if (n == kLanes) return load(p);
  Vec v{};
  for (int i = 0; i < n; ++i) v[i] = p[i];
  return v;
#endif
}
static inline void store_part(float* p, int n, Vec v) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1U << n) - 1U), v);
#elif defined(__AVX2__)
  _mm256_maskstore_ps(p, mask_of(n), v);
#else
  if (n == kLanes) return store(p, v);
  for (int i = 0; i < n; ++i) p[i] = v[i];
#endif
}

/// The same where it is done often: a masked store of AVX2 takes some machines longer than pieces of 4, 2 and 1.
static inline void store_pieces(float* p, int n, Vec v) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  if (n == kLanes) return store(p, v);
  __m128 rest = _mm256_castps256_ps128(v);
  if ((n & 4) != 0) {
    _mm_storeu_ps(p, rest);
    p += 4;
    rest = _mm256_extractf128_ps(v, 1);
  }
  if ((n & 2) != 0) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), rest);
    p += 2;
    rest = _mm_movehl_ps(rest, rest);
  }
  if ((n & 1) != 0) _mm_store_ss(p, rest);
#else
  store_part(p, n, v);
#endif
}

#if defined(__AVX512F__)
/// Half a vector, for what would leave the upper half of a whole one empty; the machine does two of these at a time.
typedef float VecHalf __attribute__((vector_size(32)));
typedef float VecHalfAnywhere __attribute__((vector_size(32), aligned(4), may_alias));
static inline VecHalf load_half(const float* p) { return *reinterpret_cast<const VecHalfAnywhere*>(p); }
static inline VecHalf load_half_part(const float* p, int n) { return _mm256_maskz_loadu_ps(static_cast<__mmask8>((1U << n) - 1U), p); }
static inline void store_half(float* p, VecHalf v) { *reinterpret_cast<VecHalfAnywhere*>(p) = v; }
static inline void store_half_part(float* p, int n, VecHalf v) { _mm256_mask_storeu_ps(p, static_cast<__mmask8>((1U << n) - 1U), v); }
#endif

/// A byte per lane.
typedef std::uint8_t VecByte __attribute__((vector_size(kLanes), aligned(1), may_alias));

/// The first `n` <= kLanes bytes at p as numbers, zeros in the other lanes. With the instructions by name: GCC 12 converts bytes one by
/// one.
static inline VecInt load_bytes(const std::uint8_t* p, int n) {
#if defined(__AVX512F__)
  const __m128i bytes =
      n == kLanes ? _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)) : _mm_maskz_loadu_epi8(static_cast<__mmask16>((1U << n) - 1U), p);
  return reinterpret_cast<VecInt>(_mm512_maskz_cvtepu8_epi32(static_cast<__mmask16>(0xffff), bytes));
#else
  VecByte bytes{};
  if (n == kLanes) {
    bytes = *reinterpret_cast<const VecByte*>(p);
  } else {
    std::uint64_t rest = 0;  // in pieces of 4, 2 and 1
    int at = 0;
    const auto piece = [&](int size) {
      if ((n & size) == 0) return;
      std::uint64_t part = 0;
      __builtin_memcpy(&part, p + at, static_cast<std::size_t>(size));
      rest |= part << (8 * at);
      at += size;
    };
    piece(4);
    piece(2);
    piece(1);
    __builtin_memcpy(&bytes, &rest, sizeof bytes);
  }
#if defined(__AVX2__)
  return reinterpret_cast<VecInt>(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(&bytes))));
#else
  return __builtin_convertvector(bytes, VecInt);
#endif
#endif
}
/// The other way round.
static inline void store_bytes(std::uint8_t* p, int n, VecInt numbers) {
#if defined(__AVX512F__)
  const __m128i bytes = _mm512_maskz_cvtepi32_epi8(static_cast<__mmask16>(0xffff), reinterpret_cast<__m512i>(numbers));
  if (n == kLanes) return _mm_storeu_si128(reinterpret_cast<__m128i*>(p), bytes);
  _mm_mask_storeu_epi8(p, static_cast<__mmask16>((1U << n) - 1U), bytes);
#else
  VecByte bytes;
#if defined(__AVX2__)
  const __m256i lowest = _mm256_set1_epi32(0x0c080400);
  const __m256i chosen = _mm256_shuffle_epi8(reinterpret_cast<__m256i>(numbers), lowest);  // in both halves
  _mm_storel_epi64(reinterpret_cast<__m128i*>(&bytes),
                   _mm_unpacklo_epi32(_mm256_castsi256_si128(chosen), _mm256_extracti128_si256(chosen, 1)));
#else
  bytes = __builtin_convertvector(numbers, VecByte);
#endif
  if (n == kLanes) return void(*reinterpret_cast<VecByte*>(p) = bytes);
  std::uint64_t rest = 0;  // in pieces of 4, 2 and 1: a loop would become a call, and that moves all vectors to the stack
  __builtin_memcpy(&rest, &bytes, sizeof bytes);
  const auto piece = [&](std::size_t size) {
    if ((static_cast<std::size_t>(n) & size) == 0) return;
    __builtin_memcpy(p, &rest, size);
    p += size;
    rest >>= 8 * size;
  };
  piece(4);
  piece(2);
  piece(1);
#endif
}

}  // namespace n2d2::cpu::N2D2_ISA
