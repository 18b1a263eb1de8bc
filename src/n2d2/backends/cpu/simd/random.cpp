// Random numbers: which of a Philox sequence reach a threshold, and what is left of a tensor; normal numbers.
// Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"; core/philox.h is the same for one block.
#include <cstring>

#include "n2d2/backends/cpu/simd/functions.h"
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

/// The four numbers of each of kLanes blocks.
struct Blocks {
  VecUint numbers[4];
};

static inline Blocks blocks_from(const RandomSequence& sequence, std::uint64_t block) {
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
  return {{c0, c1, c2, c3}};
}

/// Four bytes for each of kLanes blocks from `block` on: 1 where the number reaches the threshold.
static inline VecUint kept_blocks(const RandomSequence& sequence, std::uint64_t block) {
  const Blocks blocks = blocks_from(sequence, block);
  const VecUint threshold = VecUint{} + sequence.threshold;
  VecUint bytes{};
  for (int i = 0; i < 4; ++i) bytes |= reinterpret_cast<VecUint>(blocks.numbers[i] >= threshold) & (1U << (8 * i));
  return bytes;
}

/// Above 0 and at most 1, from the upper 24 bits.
static inline Vec share(VecUint number) {
  return fma(__builtin_convertvector(reinterpret_cast<VecInt>(number >> 8), Vec), splat(0x1p-24F), splat(0x1p-25F));
}

/// Two normal numbers from two even ones. Source: Box and Muller 1958.
static inline void normals(VecUint first, VecUint second, Vec& a, Vec& b) {
  const Vec size = sqrt(-2.0F * log(share(first))), angle = 6.28318531F * share(second);
  a = size * cos(angle);
  b = size * sin(angle);
}

void random_normal(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, float mean, float stddev, float* numbers) {
  std::uint64_t block = first / 4;
  auto skip = static_cast<std::int64_t>(first % 4);
  for (std::int64_t i = 0; i < count; block += kLanes) {
    const Blocks blocks = blocks_from(sequence, block);
    Vec drawn[4];
    normals(blocks.numbers[0], blocks.numbers[1], drawn[0], drawn[1]);
    normals(blocks.numbers[2], blocks.numbers[3], drawn[2], drawn[3]);
    for (Vec& vec : drawn) vec = fma(vec, splat(stddev), splat(mean));
    for (std::int64_t k = skip; k < 4 * kLanes && i < count; ++k, ++i) numbers[i] = drawn[k % 4][k / 4];
    skip = 0;
  }
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

void scale_kept(const std::uint8_t* kept, const float* x, const KeptScale& scale, float* y, std::int64_t n) {
  const Vec factor = splat(scale.scale), shift = splat(scale.shift), dropped = splat(scale.dropped);
  const auto chosen = [&](Vec value, VecInt keep) { return keep != 0 ? fma(value, factor, shift) : dropped; };
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, chosen(load(x + i), load_bytes(kept + i, kLanes)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(y + i, rest, chosen(load_part(x + i, rest), load_bytes(kept + i, rest)));
}

}  // namespace

void add_random(Simd& table);
void add_random(Simd& table) {
  table.random_kept = random_kept;
  table.scale_kept = scale_kept;
  table.random_normal = random_normal;
}

}  // namespace n2d2::cpu::N2D2_ISA
