// Copies that change which index is the fastest one.
#include <xmmintrin.h>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

void transpose(const float* from, std::int64_t from_column, float* to, std::int64_t to_row, std::int64_t rows, std::int64_t columns) {
  std::int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    std::int64_t j = 0;
    for (; j + 4 <= columns; j += 4) {
      const float* x = from + i + j * from_column;
      float* y = to + i * to_row + j;
      __m128 a = _mm_loadu_ps(x), b = _mm_loadu_ps(x + from_column), c = _mm_loadu_ps(x + 2 * from_column),
             d = _mm_loadu_ps(x + 3 * from_column);
      _MM_TRANSPOSE4_PS(a, b, c, d);
      _mm_storeu_ps(y, a);
      _mm_storeu_ps(y + to_row, b);
      _mm_storeu_ps(y + 2 * to_row, c);
      _mm_storeu_ps(y + 3 * to_row, d);
    }
    for (; j < columns; ++j) {
      for (std::int64_t k = i; k < i + 4; ++k) to[k * to_row + j] = from[k + j * from_column];
    }
  }
  for (; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) to[i * to_row + j] = from[i + j * from_column];
  }
}

}  // namespace

void add_transpose(Simd& table);
void add_transpose(Simd& table) { table.transpose = transpose; }

}  // namespace n2d2::cpu::N2D2_ISA
