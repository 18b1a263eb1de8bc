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
typedef VecLong VecLongAnywhere __attribute__((aligned(1), may_alias));

constexpr int kBlocks = kLanes / 2;  // in the lanes of a VecLong

/// The 64-bit products of the lower halves.
static inline VecLong multiply(VecLong a, std::uint64_t factor) {
  const VecLong b = VecLong{} + factor;
#if defined(__AVX512F__)
  return reinterpret_cast<VecLong>(
      _mm512_maskz_mul_epu32(static_cast<__mmask8>(0xff), reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif defined(__AVX2__)
  return reinterpret_cast<VecLong>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#else
  return (a & 0xffffffffULL) * b;
#endif
}

/// The four numbers of each of kBlocks blocks: first and second side by side in 64 bits, third and fourth.
struct Blocks {
  VecLong early, late;
};

static inline Blocks blocks_from(const RandomSequence& sequence, std::uint64_t block) {
  VecLong c0;
  for (int i = 0; i < kBlocks; ++i) c0[i] = block + static_cast<std::uint64_t>(i);
  VecLong c1 = c0 >> 32, c2 = VecLong{} + sequence.node, c3{};  // upper halves do not count
  std::uint32_t key0 = sequence.key[0], key1 = sequence.key[1];
  for (int round = 0; round < 10; ++round) {
    const VecLong product0 = multiply(c0, 0xD2511F53U), product1 = multiply(c2, 0xCD9E8D57U);
    c0 = (product1 >> 32) ^ c1 ^ (VecLong{} + key0);
    c1 = product1;
    c2 = (product0 >> 32) ^ c3 ^ (VecLong{} + key1);
    c3 = product0;
    key0 += 0x9E3779B9U;
    key1 += 0xBB67AE85U;
  }
  const VecLong lower = VecLong{} + 0xffffffffULL;
  return {(c0 & lower) | (c1 << 32), (c2 & lower) | (c3 << 32)};
}

/// Eight bytes for each of kBlocks blocks from `block` on: 1 where 16 bits of it reach the threshold.
static inline VecLong kept_blocks(const RandomSequence& sequence, std::uint64_t block) {
  typedef std::uint16_t VecShort __attribute__((vector_size(kVecBytes)));
  typedef std::uint8_t HalfBytes __attribute__((vector_size(kVecBytes / 2)));
  typedef std::uint32_t HalfUint __attribute__((vector_size(kVecBytes / 2)));
  const VecShort threshold = VecShort{} + static_cast<std::uint16_t>(sequence.threshold);
  const auto reached = [&](VecLong numbers) {
    const VecShort ones = reinterpret_cast<VecShort>(reinterpret_cast<VecShort>(numbers) >= threshold) & 1;
    return __builtin_convertvector(reinterpret_cast<HalfUint>(__builtin_convertvector(ones, HalfBytes)), VecLong);
  };
  const Blocks blocks = blocks_from(sequence, block);
  return reached(blocks.early) | (reached(blocks.late) << 32);
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
  for (std::int64_t i = 0; i < count; block += kBlocks) {
    const Blocks blocks = blocks_from(sequence, block);
    Vec drawn[2];
    normals(reinterpret_cast<VecUint>(blocks.early), reinterpret_cast<VecUint>(blocks.late), drawn[0], drawn[1]);
    for (Vec& vec : drawn) vec = fma(vec, splat(stddev), splat(mean));
    for (std::int64_t k = skip; k < 2 * kLanes && i < count; ++k, ++i) numbers[i] = drawn[k % 2][k / 2];
    skip = 0;
  }
}

void random_kept(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, std::uint8_t* kept) {
  constexpr std::int64_t kBytes = 8 * kBlocks;
  std::uint64_t block = first / 8;
  auto skip = static_cast<std::int64_t>(first % 8);
  for (std::int64_t i = 0; i < count; block += kBlocks) {
    const VecLong bytes = kept_blocks(sequence, block);
    const std::int64_t here = count - i < kBytes - skip ? count - i : kBytes - skip;
    if (here == kBytes) {
      *reinterpret_cast<VecLongAnywhere*>(kept + i) = bytes;
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
