// Sums of a register tile: inputs are broadcast, weights are vectors.
#pragma once
#include "n2d2/backends/cpu/simd/multiply_add.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

/// Tiles that one pointer reaches by the scales of an address.
#if defined(__AVX512F__)
constexpr int kPerPointer = 4;
#else
constexpr int kPerPointer = 3;
#endif

/// Adds what `kCount` inputs from each of the pointers on give to the sums; inputs of the next tile are `step` floats further. L: the kind
/// of vector.
template <class L, int kCount, int kTiles, int kVecs>
static inline void add_inputs(const float* (&from)[(kTiles + kPerPointer - 1) / kPerPointer], std::int64_t step, const float*& weights,
                              typename L::V (&sums)[kTiles][kVecs]) {
  const std::int64_t step3 = 3 * step;
#pragma GCC unroll 8
  for (int k = 0; k < kCount; ++k) {
    typename L::V row[kVecs];
#pragma GCC unroll 2
    for (int j = 0; j < kVecs; ++j) row[j] = L::get(weights + (k * kVecs + j) * L::kWidth);
#pragma GCC unroll 14
    for (int i = 0; i < kTiles; ++i) {
      const std::int64_t at = i % kPerPointer == 3 ? step3 : i % kPerPointer * step;
      const typename L::V factor = from[i / kPerPointer][at + k] - typename L::V{};
#pragma GCC unroll 2
      for (int j = 0; j < kVecs; ++j) multiply_add(sums[i][j], factor, row[j]);
    }
  }
#pragma GCC unroll 5
  for (const float*& at : from) at += kCount;
  weights += kCount * kVecs * L::kWidth;
}

}  // namespace n2d2::cpu::N2D2_ISA
