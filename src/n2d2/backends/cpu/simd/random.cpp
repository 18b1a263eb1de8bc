// Dropout: which numbers of a Philox sequence reach a threshold, and what is left of a tensor.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; core/philox.h is the same for one block.
#include <cstring>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

typedef std::uint32_t VecUint __attribute__((vector_size(kVecBytes)));
typedef std::uint64_t VecLong __attribute__((vector_size(kVecBytes)));
typedef VecUint VecUintAnywhere __attribute__((aligned(1), may_alias));

/// The 64-bit products of the even lanes.
static inline VecLong multiply_even(VecUint a, VecUint b) {
#if defined(__AVX512F__)
  return reinterpret_cast<VecLong>(
      _mm512_maskz_mul_epu32(static_cast<__mmask8>(0xff), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<VecLong>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return (reinterpret_cast<VecLong>(a) & 0xffffffffULL) * (reinterpret_cast<VecLong>(b) & 0xffffffffULL);
#endif
}

static inline void multiply(VecUint a, std::uint32_t factor, VecUint& high, VecUint& low) {
  const VecUint b = VecUint{} + factor;
  const VecLong even = multiply_even(a, b);
  const VecLong odd = multiply_even(reinterpret_cast<VecUint>(reinterpret_cast<VecLong>(a) >> 32), b);
  const VecLong upper = VecLong{} + 0xffffffff00000000ULL;
  low = reinterpret_cast<VecUint>((even & ~upper) | (odd << 32));
  high = reinterpret_cast<VecUint>((even >> 32) | (odd & upper));
}

/// Four bytes for each of kLanes blocks from `block` on: 1 where the number reaches the threshold.
static inline VecUint kept_blocks(const RandomSequence& sequence, std::uint64_t block) {
  VecUint lane;
  for (int i = 0; i < kLanes; ++i) lane[i] = static_cast<std::uint32_t>(i);
  const VecUint low = VecUint{} + static_cast<std::uint32_t>(block);
  VecUint c0 = low + lane;
  VecUint c1 = (VecUint{} + static_cast<std::uint32_t>(block >> 32)) - reinterpret_cast<VecUint>(c0 < low);  // true is -1: the carry
  VecUint c2 = VecUint{} + sequence.node, c3{};
  std::uint32_t key0 = sequence.key[0], key1 = sequence.key[1];
  for (int round = 0; round < 10; ++round) {
    VecUint high0, low0, high1, low1;
    multiply(c0, 0xD2511F53U, high0, low0);
    multiply(c2, 0xCD9E8D57U, high1, low1);
    c0 = high1 ^ c1 ^ (VecUint{} + key0);
    c1 = low1;
    c2 = high0 ^ c3 ^ (VecUint{} + key1);
    c3 = low0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  const VecUint threshold = VecUint{} + sequence.threshold;
  const auto reached = [&](VecUint number, std::uint32_t bit) { return reinterpret_cast<VecUint>(number >= threshold) & bit; };
  return reached(c0, 1U) | reached(c1, 1U << 8) | reached(c2, 1U << 16) | reached(c3, 1U << 24);
}

void random_kept(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, std::uint8_t* kept) {
  constexpr std::int64_t kBytes = 4 * kLanes;
  std::uint64_t block = first / 4;
  auto skip = static_cast<std::int64_t>(first % 4);
  for (std::int64_t i = 0; i < count; block += kLanes) {
    const VecUint bytes = kept_blocks(sequence, block);
    const std::int64_t here = count - i < kBytes - skip ? count - i : kBytes - skip;
    if (here == kBytes) {
      *reinterpret_cast<VecUintAnywhere*>(kept + i) = bytes;
    } else {
      std::memcpy(kept + i, reinterpret_cast<const std::uint8_t*>(&bytes) + skip, static_cast<std::size_t>(here));
    }
    i += here;
    skip = 0;
  }
}

void scale_kept(const std::uint8_t* kept, const float* x, float scale, float* y, std::int64_t n) {
  typedef std::uint8_t VecByte __attribute__((vector_size(kLanes), aligned(1), may_alias));
  const Vec factor = splat(scale), zero{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const VecInt keep = __builtin_convertvector(*reinterpret_cast<const VecByte*>(kept + i), VecInt);
    store(y + i, keep != 0 ? load(x + i) * factor : zero);
  }
  for (; i < n; ++i) y[i] = kept[i] != 0 ? x[i] * scale : 0.0F;
}

}  // namespace

void add_random(Simd& table);
void add_random(Simd& table) {
  table.random_kept = random_kept;
  table.scale_kept = scale_kept;
}

}  // namespace n2d2::cpu::N2D2_ISA
