// The multiply-add of loops that keep many sums in few registers.
#pragma once
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

/// sum += a * b, rounded once where the instruction set can.
template <class V>
static inline void multiply_add(V& sum, V a, V b) {
#if defined(__FMA__) && !defined(__AVX512F__)
  // As __builtin_fma, GCC 12 moves sums from register to register, or to the stack and back, in loops that leave none free.
  asm("vfmadd231ps %2, %1, %0" : "+x"(sum) : "x"(a), "x"(b));
#else
  sum += a * b;
#endif
}

}  // namespace n2d2::cpu::N2D2_ISA
