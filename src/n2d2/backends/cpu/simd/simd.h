// The vector bodies of the CPU kernels, chosen once for the machine this runs on.
// To add one: a pointer here, its body in simd/<name>.cpp, which puts it in by `void add_<name>(Simd& table)`, and a line in
// simd/table.cpp.
#pragma once
#include <cstdint>

#include "n2d2/backends/cpu/simd/depthwise.h"
#include "n2d2/backends/cpu/simd/gemm.h"

namespace n2d2::solvers {
struct UpdateArguments;
}

namespace n2d2::cpu {

/// A place of a channels-last image, in floats from its start, and a factor.
struct SparseEntry {
  std::int32_t offset;
  float gradient;
};
/// The part of an image under a kernel: `rows` runs of `width` floats, `row` floats apart; the weights lie in runs without gaps.
struct SparsePatch {
  std::int64_t rows, row, width;
};

/// One side of a sum of outer products: at every pixel `width` floats that lie together, and the distances between pixels.
struct OuterSide {
  const float* data;
  std::int64_t width, image, row, pixel;
};
/// sums[g,i,j] += sum over images, rows, pixels of a[g,i] b[j], where group g of a lies a_group floats behind group g - 1. Rows of the
/// sums are `sums_row` floats apart and are written as whole vectors: what lies behind column b.width may hold anything.
struct OuterTask {
  OuterSide a, b;
  std::int64_t images, rows, pixels;
  float* sums;
  std::int64_t sums_row;
  std::int64_t groups, a_group, sums_group;
};

struct Simd {
  const char* isa = nullptr;
  int lanes = 0;  ///< floats in a vector

  // simd/update.cpp
  /// One solver step on `n` weights; the same bits however a parameter is sliced.
  void (*update)(const solvers::UpdateArguments& arguments, float* weights, const float* gradient, float* const* slots,
                 std::int64_t n) = nullptr;

  // simd/accumulate.cpp
  /// to += from.
  void (*accumulate)(const float* from, float* to, std::int64_t n) = nullptr;
  /// sums[j] += sum over i of x[i,j].
  void (*sum_rows)(const float* x, std::int64_t rows, std::int64_t columns, float* sums) = nullptr;

  // simd/pool.cpp
  /// One window of a max-pool: the pixels x + offsets[k], their places in the window, all channels; the first of equals and the first
  /// NaN win. `relu` puts max(., 0) behind it.
  void (*max_pool)(const float* x, const std::int64_t* offsets, const std::uint8_t* places, int count, std::int64_t channels, bool relu,
                   float* y, std::uint8_t* argmax) = nullptr;
  /// Its gradient: dx at the chosen pixels gets dy, the others 0; or, if `add`, on top of what is there. With y, only where y > 0.
  void (*max_pool_grad)(const float* dy, const float* y, const std::uint8_t* argmax, const std::int64_t* offsets,
                        const std::uint8_t* places, int count, std::int64_t channels, bool add, float* dx) = nullptr;

  // simd/sparse.cpp
  /// sums += sum over the entries of gradient * the patch of the image at their offset.
  void (*sparse_dot)(const SparseEntry* entries, std::int64_t count, const SparsePatch& patch, const float* image, float* sums) = nullptr;
  /// The patch of the image at the offset of each entry += gradient * weights.
  void (*sparse_scatter)(const SparseEntry* entries, std::int64_t count, const SparsePatch& patch, const float* weights,
                         float* image) = nullptr;

  // simd/outer.cpp
  void (*outer)(const OuterTask& task) = nullptr;

  // simd/depthwise.cpp
  /// y = bias + sum over the taps of w * x; `bias` null: none.
  void (*depthwise)(const DepthwisePixels& pixels, const float* x, const float* w, const float* bias, float* y) = nullptr;
  /// sums[tap] += sum over the pixels of dy * x.
  void (*depthwise_grad_weight)(const DepthwisePixels& pixels, const float* x, const float* dy, float* sums) = nullptr;

  // simd/gemm.cpp
  GemmBodies gemm;
};

/// The table of this machine, or of the environment variable N2D2_ISA = generic | avx2 | avx512; throws ValueError when that names
/// something else or something the machine lacks.
const Simd& simd();
/// The table of one instruction set, or null when the machine lacks it. Throws ValueError for an unknown name.
const Simd* simd_of(const char* isa);

namespace generic {
const Simd& table();
}
namespace avx2 {
const Simd& table();
}
namespace avx512 {
const Simd& table();
}

}  // namespace n2d2::cpu
