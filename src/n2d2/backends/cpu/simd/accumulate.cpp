// Sums of arrays.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

void accumulate(const float* from, float* to, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(to + i) + load(from + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_part(to + i, rest, load_part(to + i, rest) + load_part(from + i, rest));
  }
}

}  // namespace

void add_accumulate(Simd& table);
void add_accumulate(Simd& table) { table.accumulate = accumulate; }

}  // namespace n2d2::cpu::N2D2_ISA
