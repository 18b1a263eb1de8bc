// Matrix products: what simd/gemm.cpp and simd/dot.cpp offer.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// y[m,n] = alpha * sum over k of a[m,k] b[k,n] + beta * c[m,n]. Names like a_k are distances in floats between neighbours along k.
struct GemmTask {
  std::int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;
  std::int64_t a_m = 0, a_k = 0;
  const float* b = nullptr;
  std::int64_t b_k = 0, b_n = 0;
  /// B as GemmBodies::pack wrote it, used instead of `b`. To skip columns, skip whole panels: panels + columns * k.
  const float* panels = nullptr;
  float* y = nullptr;  ///< columns are neighbours
  std::int64_t y_m = 0;
  float alpha = 1.0F, beta = 1.0F;
  const float* c = nullptr;  ///< null: none. A distance of 0 repeats.
  std::int64_t c_m = 0, c_n = 0;
  float* scratch = nullptr;  ///< GemmBodies::scratch_floats, unless `panels` are given
};

/// Every y[m,n] is one chain of multiply-adds along k, in the order of k: its bits do not depend on which rows and columns are
/// computed together, and not on packing. `dot` alone adds up in another order.
struct GemmBodies {
  void (*run)(const GemmTask& task) = nullptr;
  /// For few rows and rows of A and columns of B that lie together (a_k == b_k == 1): reads B once, without packing.
  void (*dot)(const GemmTask& task) = nullptr;
  /// Writes B[k,n] as panels of `panel` columns, the last one narrower, its missing columns zero.
  void (*pack)(const float* b, std::int64_t b_k, std::int64_t b_n, std::int64_t k, std::int64_t n, float* panels) = nullptr;
  std::int64_t panel = 0;
  std::int64_t lanes = 0;
  std::int64_t depth = 0;  ///< most steps along k between two visits of y
  std::int64_t block = 0;  ///< most rows of A that are packed; 0: they are read where they lie

  std::int64_t packed_floats(std::int64_t k, std::int64_t n) const { return (n + lanes - 1) / lanes * lanes * k; }
  std::int64_t scratch_floats(std::int64_t m, std::int64_t k) const {
    const std::int64_t whole_tiles = m + 7;  // the last tile takes the place of a whole one, of at most eight rows
    return (panel + (whole_tiles < block ? whole_tiles : block)) * (k < depth ? k : depth);
  }
};

}  // namespace n2d2::cpu
