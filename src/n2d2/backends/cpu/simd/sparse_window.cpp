// Gradients of a convolution's input behind a max-pool whose windows and kernel are small: the sums of a whole window stay in registers.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// Adds what the lists of a window say: kPool x kPool places, each with kKernel x kKernel taps.
template <int kPool, int kKernel, int kSide>
static inline void add_window(const SparseEntry* entries, const std::int32_t* counts, std::int64_t room, const float* weights,
                              Vec (&sums)[kSide][kSide]) {
#pragma GCC unroll 9
  for (int place = 0; place < kPool * kPool; ++place) {
    const SparseEntry* list = entries + place * room;
    for (std::int32_t n = 0; n < counts[place]; ++n) {
      const Vec factor = splat(list[n].gradient);
      const float* w = weights + list[n].offset;
#pragma GCC unroll 3
      for (int p = 0; p < kKernel; ++p) {
#pragma GCC unroll 3
        for (int q = 0; q < kKernel; ++q) {
          Vec& sum = sums[place / kPool + p][place % kPool + q];
          sum = fma(factor, load(w + (p * kKernel + q) * kLanes), sum);
        }
      }
    }
  }
}

/// A row of windows, for one vector of channels: all inputs under a window are in registers, of which those under the next window, too,
/// stay there. `is_first`: nothing has been written yet.
template <int kPool, int kKernel>
void window_row(const SparseWindows& task, std::int64_t first, bool is_first, const float* weights, float* image) {
  constexpr int kSide = kPool + kKernel - 1, kKept = kKernel - 1;
  const std::int64_t row = task.image_row, column = task.channels;
  Vec sums[kSide][kSide];
  const auto begin = [&](int j) {
#pragma GCC unroll 5
    for (int i = 0; i < kSide; ++i) sums[i][j] = is_first || i >= kKept ? Vec{} : load(image + i * row + j * column);
  };
  const auto end = [&](int j) {
#pragma GCC unroll 5
    for (int i = 0; i < kSide; ++i) store(image + i * row + j * column, sums[i][j]);
  };
#pragma GCC unroll 5
  for (int j = 0; j < kKept; ++j) begin(j);
  for (std::int64_t list = first; list < first + task.columns * kPool * kPool; list += kPool * kPool, image += kPool * column) {
#pragma GCC unroll 5
    for (int j = kKept; j < kSide; ++j) begin(j);
    add_window<kPool, kKernel>(task.lists.entries + list * task.lists.room, task.lists.counts + list, task.lists.room, weights, sums);
#pragma GCC unroll 5
    for (int j = 0; j < kPool; ++j) end(j);
#pragma GCC unroll 5
    for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 5
      for (int j = 0; j < kKept; ++j) sums[i][j] = sums[i][j + kPool];
    }
  }
#pragma GCC unroll 5
  for (int j = 0; j < kKept; ++j) end(j);
}

template <int kPool, int kKernel>
void windows(const SparseWindows& task) {
  const std::int64_t slice = task.outputs * kKernel * kKernel * kLanes;
  for (std::int64_t c = 0; c < task.channels; c += kLanes) {
    const float* weights = task.weights + c / kLanes * slice;
    for (std::int64_t i = 0; i < task.rows; ++i) {
      window_row<kPool, kKernel>(task, i * task.columns * kPool * kPool, i == 0, weights, task.image + i * kPool * task.image_row + c);
    }
  }
}

using Body = void (*)(const SparseWindows&);

Body body_of(int pool, int kernel) {
  if (pool == 2 && kernel == 1) return windows<2, 1>;
  if (pool == 2 && kernel == 2) return windows<2, 2>;
#if defined(__AVX512F__)
  if (pool == 2 && kernel == 3) return windows<2, 3>;
  if (pool == 3 && kernel == 2) return windows<3, 2>;
  if (pool == 3 && kernel == 3) return windows<3, 3>;
#endif
  return nullptr;
}

bool has_sparse_windows(int pool, int kernel, std::int64_t channels) { return channels % kLanes == 0 && body_of(pool, kernel) != nullptr; }

void sparse_windows(const SparseWindows& task) { body_of(task.pool, task.kernel)(task); }

}  // namespace

void add_sparse_window(Simd& table);
void add_sparse_window(Simd& table) {
  table.has_sparse_windows = has_sparse_windows;
  table.sparse_windows = sparse_windows;
}

}  // namespace n2d2::cpu::N2D2_ISA
