// Gradients of a convolution's input behind a max-pool whose windows and kernel are small: the sums of a whole window stay in registers.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// kPool x kPool places, each with kKernel x kKernel taps: all inputs under them for one vector of channels.
template <int kPool, int kKernel>
void window(const SparseWindows& task, const SparseEntry* entries, const std::int32_t* counts, const float* weights, float* image) {
  constexpr int kSide = kPool + kKernel - 1;
  Vec sums[kSide][kSide];
#pragma GCC unroll 5
  for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < kSide; ++j) sums[i][j] = load(image + i * task.image_row + j * task.image_column);
  }
#pragma GCC unroll 9
  for (int place = 0; place < kPool * kPool; ++place) {
    const SparseEntry* list = entries + place * task.room;
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
#pragma GCC unroll 5
  for (int i = 0; i < kSide; ++i) {
#pragma GCC unroll 5
    for (int j = 0; j < kSide; ++j) store(image + i * task.image_row + j * task.image_column, sums[i][j]);
  }
}

template <int kPool, int kKernel>
void windows(const SparseWindows& task) {
  const std::int64_t slice = task.outputs * kKernel * kKernel * kLanes;
  for (std::int64_t c = 0; c < task.channels; c += kLanes) {
    const float* weights = task.weights + c / kLanes * slice;
    for (std::int64_t i = 0; i < task.window_count; ++i) {
      const std::int64_t list = i * kPool * kPool;
      window<kPool, kKernel>(task, task.entries + list * task.room, task.counts + list, weights, task.image + task.windows[i] + c);
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

/// Appends without a branch.
void list_places(const SparseListing& listing) {
  for (std::int64_t c = 0; c < listing.channels; ++c) {
    const std::uint8_t place = listing.argmax[c];
    const std::int32_t count = listing.counts[place];
    listing.entries[place * listing.room + count] = {static_cast<std::int32_t>(c * listing.step), listing.gradients[c]};
    listing.counts[place] = count + (listing.gradients[c] == 0.0F ? 0 : 1);  // NaN counts
  }
}

void mask_relu(const float* dy, const float* y, float* to, std::int64_t n) {
  const Vec zero{};
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(to + i, load(y + i) <= zero ? zero : load(dy + i));
  if (i == n) return;
  const int rest = static_cast<int>(n - i);
  store_part(to + i, rest, load_part(y + i, rest) <= zero ? zero : load_part(dy + i, rest));
}

}  // namespace

void add_sparse_window(Simd& table);
void add_sparse_window(Simd& table) {
  table.has_sparse_windows = has_sparse_windows;
  table.sparse_windows = sparse_windows;
  table.list_places = list_places;
  table.mask_relu = mask_relu;
}

}  // namespace n2d2::cpu::N2D2_ISA
