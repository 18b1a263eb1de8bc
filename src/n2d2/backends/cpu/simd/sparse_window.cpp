// Gradients of a convolution's input behind a max-pool whose windows and kernel are small: the sums of a whole window, or of a row of
// its places, stay in registers.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// Words of marks, of 32 outputs each, that are taken together: their weights stay in the first-level cache of 32 KiB. The fewer, the more
/// often a loop over marks ends, which no machine foresees, and the sums go through memory.
constexpr int kMostWords = kLanes == 16 ? 1 : 2;

/// Adds what the marked gradients of some rows of places give: kPool places a row, each with kKernel x kKernel taps; `next`: from one word
/// of marks to the next.
template <int kPool, int kKernel, int kWords, int kHeight, int kSide>
static inline void add_window(const std::uint32_t* marks, std::int64_t next, const float* dy, const float* weights,
                              Vec (&sums)[kHeight][kSide]) {
#pragma GCC unroll 9
  for (int place = 0; place < (kHeight - kKernel + 1) * kPool; ++place) {
    std::uint64_t bits = marks[place];
    if (kWords == 2) bits |= static_cast<std::uint64_t>(marks[next + place]) << 32;
    for (; bits != 0; bits &= bits - 1) {
      const std::int64_t output = __builtin_ctzll(bits);
      const Vec factor = splat(dy[output]);
      const float* w = weights + output * (kKernel * kKernel * kLanes);
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

/// Rows of places of a window whose sums fit the registers.
template <int kPool, int kKernel>
constexpr int kRowsAtATime = (kPool + kKernel - 1) * (kPool + kKernel - 1) <= (kLanes == 16 ? 25 : 9) ? kPool : 1;

/// Some rows of the places of a row of windows, for one vector of channels and the outputs of some words.
struct Row {
  const std::uint32_t* marks;
  std::int64_t next;  ///< from one word of marks to the next
  const float* dy;
  const float* weights;
  float* image;
  bool is_first;  ///< no row above has been written
};

/// All inputs under these places of a window are in registers, of which those under the next window, too, stay there. kAdds: on top of what
/// other outputs gave.
template <int kPool, int kKernel, int kWords, bool kAdds>
void window_row(const SparseWindows& task, Row at) {
  constexpr int kHeight = kRowsAtATime<kPool, kKernel> + kKernel - 1, kSide = kPool + kKernel - 1, kKept = kKernel - 1;
  const std::int64_t row = task.image_row, column = task.channels;
  float* image = at.image;
  Vec sums[kHeight][kSide];
  const auto begin = [&](int j) {
#pragma GCC unroll 5
    for (int i = 0; i < kHeight; ++i) {
      const bool is_new = !kAdds && (at.is_first || i >= kKept);
      sums[i][j] = is_new ? Vec{} : load(image + i * row + j * column);
    }
  };
  const auto end = [&](int j) {
#pragma GCC unroll 5
    for (int i = 0; i < kHeight; ++i) store(image + i * row + j * column, sums[i][j]);
  };
#pragma GCC unroll 5
  for (int j = 0; j < kKept; ++j) begin(j);
  for (std::int64_t window = 0; window < task.columns; ++window) {
#pragma GCC unroll 5
    for (int j = kKept; j < kSide; ++j) begin(j);
    add_window<kPool, kKernel, kWords>(at.marks + window * kPool * kPool, at.next, at.dy + window * task.outputs, at.weights, sums);
#pragma GCC unroll 5
    for (int j = 0; j < kPool; ++j) end(j);
#pragma GCC unroll 5
    for (int i = 0; i < kHeight; ++i) {
#pragma GCC unroll 5
      for (int j = 0; j < kKept; ++j) sums[i][j] = sums[i][j + kPool];
    }
    image += kPool * column;
  }
#pragma GCC unroll 5
  for (int j = 0; j < kKept; ++j) end(j);
}

/// For the outputs of kWords words from `output` on.
template <int kPool, int kKernel, int kWords>
static inline void add_outputs(const SparseWindows& task, std::int64_t c, std::int64_t output) {
  constexpr std::int64_t kTaps = kKernel * kKernel, kPlaces = kPool * kPool;
  const std::int64_t next = task.rows * task.columns * kPlaces;
  for (std::int64_t i = 0; i < task.rows; ++i) {
    for (int place = 0; place < kPool; place += kRowsAtATime<kPool, kKernel>) {
      const Row row{.marks = task.bits + output / 32 * next + i * task.columns * kPlaces + place * kPool,
                    .next = next,
                    .dy = task.dy + i * task.columns * task.outputs + output,
                    .weights = task.weights + (c * task.outputs + output * kLanes) * kTaps,
                    .image = task.image + (i * kPool + place) * task.image_row + c,
                    .is_first = i == 0 && place == 0};
      output > 0 ? window_row<kPool, kKernel, kWords, true>(task, row) : window_row<kPool, kKernel, kWords, false>(task, row);
    }
  }
}

template <int kPool, int kKernel>
void windows(const SparseWindows& task) {
  for (std::int64_t c = 0; c < task.channels; c += kLanes) {
    std::int64_t output = 0;
    if constexpr (kMostWords == 2) {
      for (; task.outputs - output > 32; output += 64) add_outputs<kPool, kKernel, 2>(task, c, output);
    }
    for (; output < task.outputs; output += 32) add_outputs<kPool, kKernel, 1>(task, c, output);
  }
}

using Body = void (*)(const SparseWindows&);

Body body_of(int pool, int kernel) {
  if (pool == 2 && kernel == 1) return windows<2, 1>;
  if (pool == 2 && kernel == 2) return windows<2, 2>;
  if (pool == 2 && kernel == 3) return windows<2, 3>;
  if (pool == 3 && kernel == 2) return windows<3, 2>;
  if (pool == 3 && kernel == 3) return windows<3, 3>;
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
