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
constexpr int kRounds = 10;

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

/// The keys of the rounds of a sequence.
struct Rounds {
  std::uint64_t node, keys[kRounds][2];
  explicit Rounds(const RandomSequence& sequence) : node(sequence.node) {
    std::uint32_t key0 = sequence.key[0], key1 = sequence.key[1];
    for (auto& key : keys) {
      key[0] = key0, key[1] = key1;
      key0 += 0x9E3779B9U, key1 += 0xBB67AE85U;
    }
  }
};

/// kGroups times kBlocks blocks from `block` on; the groups' rounds need not wait for each other.
template <int kGroups>
static inline void draw_blocks(const Rounds& rounds, std::uint64_t block, Blocks (&blocks)[kGroups]) {
  constexpr std::uint64_t kOffsets[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  VecLong offsets, c[kGroups][4];
  std::memcpy(&offsets, kOffsets, sizeof offsets);
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) {
    c[g][0] = offsets + (block + static_cast<std::uint64_t>(g * kBlocks));
    c[g][1] = c[g][0] >> 32;  // upper halves do not count
    c[g][2] = VecLong{} + rounds.node;
    c[g][3] = VecLong{};
  }
#pragma GCC unroll 10
  for (const auto& key : rounds.keys) {
#pragma GCC unroll 4
    for (auto& [c0, c1, c2, c3] : c) {
      const VecLong product0 = multiply(c0, 0xD2511F53U), product1 = multiply(c2, 0xCD9E8D57U);
      c0 = (product1 >> 32) ^ c1 ^ (VecLong{} + key[0]);
      c1 = product1;
      c2 = (product0 >> 32) ^ c3 ^ (VecLong{} + key[1]);
      c3 = product0;
    }
  }
  const VecLong lower = VecLong{} + 0xffffffffULL;
#pragma GCC unroll 4
  for (int g = 0; g < kGroups; ++g) blocks[g] = {(c[g][0] & lower) | (c[g][1] << 32), (c[g][2] & lower) | (c[g][3] << 32)};
}

/// A byte for each 16 bits of some blocks: 1 where they reach the threshold.
static inline VecLong kept(const Blocks& blocks, std::uint32_t least) {
  typedef std::uint16_t VecShort __attribute__((vector_size(kVecBytes)));
  typedef std::uint8_t HalfBytes __attribute__((vector_size(kVecBytes / 2)));
  typedef std::uint32_t HalfUint __attribute__((vector_size(kVecBytes / 2)));
  const VecShort threshold = VecShort{} + static_cast<std::uint16_t>(least);
  const auto reached = [&](VecLong numbers) {
    const VecShort ones = reinterpret_cast<VecShort>(reinterpret_cast<VecShort>(numbers) >= threshold) & 1;
    return __builtin_convertvector(reinterpret_cast<HalfUint>(__builtin_convertvector(ones, HalfBytes)), VecLong);
  };
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
  const Rounds rounds(sequence);
  std::uint64_t block = first / 4;
  auto skip = static_cast<std::int64_t>(first % 4);
  for (std::int64_t i = 0; i < count; block += kBlocks) {
    Blocks blocks[1];
    draw_blocks(rounds, block, blocks);
    Vec drawn[2];
    normals(reinterpret_cast<VecUint>(blocks[0].early), reinterpret_cast<VecUint>(blocks[0].late), drawn[0], drawn[1]);
    for (Vec& vec : drawn) vec = fma(vec, splat(stddev), splat(mean));
    for (std::int64_t k = skip; k < 2 * kLanes && i < count; ++k, ++i) numbers[i] = drawn[k % 2][k / 2];
    skip = 0;
  }
}

void random_kept(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, std::uint8_t* to) {
  constexpr int kGroups = 2;
  constexpr std::int64_t kBytes = kGroups * 8 * kBlocks;
  const Rounds rounds(sequence);
  std::uint64_t block = first / 8;
  auto skip = static_cast<std::int64_t>(first % 8);
  for (std::int64_t i = 0; i < count; block += kGroups * kBlocks) {
    Blocks blocks[kGroups];
    draw_blocks(rounds, block, blocks);
    const VecLong bytes[kGroups] = {kept(blocks[0], sequence.threshold), kept(blocks[1], sequence.threshold)};
    const std::int64_t here = count - i < kBytes - skip ? count - i : kBytes - skip;
    if (here == kBytes) {
      for (int g = 0; g < kGroups; ++g) reinterpret_cast<VecLongAnywhere*>(to + i)[g] = bytes[g];
    } else {
      std::memcpy(to + i, reinterpret_cast<const std::uint8_t*>(bytes) + skip, static_cast<std::size_t>(here));
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
