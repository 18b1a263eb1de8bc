// Weighted sums of runs that lie along one axis.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec_double.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// One float of every run.
void sum_single(const ResampleTask& t, const float* from, float* to) {
  for (std::int64_t i = 0; i < t.outputs; ++i) {
    float total = 0.0F;
    for (std::int64_t k = t.offsets[i]; k < t.offsets[i + 1]; ++k) total += t.weights[k] * from[t.indices[k]];
    to[i] = total;
  }
}

void sum_runs(const ResampleTask& t, const float* from, float* to) {
  for (std::int64_t i = 0; i < t.outputs; ++i, to += t.inner) {
    for (std::int64_t j = 0; j < t.inner; j += kLanes) {
      Vec total{};
      for (std::int64_t k = t.offsets[i]; k < t.offsets[i + 1]; ++k) {
        total = fma(Vec{} + t.weights[k], load_row(from + t.indices[k] * t.inner + j, t.inner - j), total);
      }
      store_row(to + j, t.inner - j, total);
    }
  }
}

void resample(const ResampleTask& t, std::int64_t blocks, const float* from, float* to) {
  for (std::int64_t block = 0; block < blocks; ++block, from += t.inputs * t.inner, to += t.outputs * t.inner) {
    t.inner == 1 ? sum_single(t, from, to) : sum_runs(t, from, to);
  }
}

}  // namespace

void add_resample(Simd& table);
void add_resample(Simd& table) { table.resample = resample; }

}  // namespace n2d2::cpu::N2D2_ISA
