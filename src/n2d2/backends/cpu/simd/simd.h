// The vector bodies of the CPU kernels, chosen once for the machine this runs on.
// To add one: a pointer here, its body in simd/<name>.cpp, which puts it in by `void add_<name>(Simd& table)`, and a line in
// simd/table.cpp.
#pragma once
#include <cstdint>

#include "n2d2/backends/cpu/simd/average.h"
#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/depthwise.h"
#include "n2d2/backends/cpu/simd/eltwise.h"
#include "n2d2/backends/cpu/simd/gemm.h"
#include "n2d2/backends/cpu/simd/layer_norm.h"
#include "n2d2/backends/cpu/simd/normalize.h"
#include "n2d2/backends/cpu/simd/recurrent.h"
#include "n2d2/backends/cpu/simd/rows.h"
#include "n2d2/backends/cpu/simd/softmax.h"
#include "n2d2/backends/cpu/simd/unary.h"
#include "n2d2/backends/cpu/simd/winograd.h"
#include "n2d2/backends/cpu/simd/winograd_strided.h"

namespace n2d2::solvers {
struct UpdateArguments;
}

namespace n2d2::cpu {

/// A factor, and the first float of what it multiplies.
struct SparseEntry {
  std::int32_t offset;
  float gradient;
};
/// What an entry multiplies and where the products are summed: `rows` runs of `width` floats, so far apart.
struct SparsePatch {
  std::int64_t rows, width;
  std::int64_t from_row, to_row;
};

/// The gradients of an image as a max-pool left it.
struct SparseGradients {
  const float* dy = nullptr;  ///< [windows, channels]
  const float* y = nullptr;   ///< the gradient is dy where y > 0, else 0; null: dy
  const std::uint8_t* argmax = nullptr;
  std::int64_t windows = 0, channels = 0;
  int places = 0;  ///< of a window

  std::int64_t channel_words() const { return (channels + 31) / 32; }
};

/// Lists that entries are appended to.
struct SparseLists {
  SparseEntry* entries = nullptr;
  std::int32_t* counts = nullptr;
  std::int64_t room = 0;  ///< entries between the beginnings of lists: the most one can get, in whole vectors
};

/// The gradient of a convolution's input, image by image: windows of pool x pool places that follow each other in the input, kernel x
/// kernel taps.
struct SparseWindows {
  int pool = 0, kernel = 0;
  const std::uint32_t* bits = nullptr;  ///< as mark_places writes them
  const float* dy = nullptr;            ///< [windows, outputs]
  std::int64_t rows = 0, columns = 0;   ///< of windows
  const float* weights = nullptr;       ///< [channels / lanes, outputs, taps, lanes]
  std::int64_t outputs = 0, channels = 0;
  float* image = nullptr;  ///< written as far as the windows' patches reach
  std::int64_t image_row = 0;
};

/// The weight gradient of a convolution of few channels behind a max-pool: all inputs under one window and the kernel at each of its
/// places, its patch, are a few floats, from which every output channel picks its own.
struct SparsePick {
  const float* image = nullptr;
  std::int64_t image_row = 0;             ///< floats between rows of the image
  int rows = 0, width = 0;                ///< of a patch, in floats: at most kFloats together
  const std::int32_t* windows = nullptr;  ///< first float of each patch
  std::int64_t window_count = 0;
  std::int32_t places[16] = {};  ///< where in the patch the kernel begins, by place in the window
  std::int32_t taps[32] = {};    ///< and each of its floats from there
  int tap_count = 0;
  std::int64_t channels = 0;
  const float* dy = nullptr;  ///< [windows, channels]
  const std::uint8_t* argmax = nullptr;
  const float* y = nullptr;    ///< the gradient is dy where y > 0, else 0; null: dy
  float* sums = nullptr;       ///< [taps, channels]: added to
  float* gradients = nullptr;  ///< [channels]: the sums of the gradients are added; may be null
  static constexpr int kFloats = 32, kPlaces = 16, kTaps = 32;
};

/// The random numbers of one node in one forward: see core/philox.h.
struct RandomSequence {
  std::uint32_t key[2];
  std::uint32_t node;
  std::uint32_t threshold;  ///< below 2^16
};

/// What becomes of an element that is kept, and of one that is dropped.
struct KeptScale {
  float scale = 1, shift = 0, dropped = 0;
};

/// Neighbouring windows of a max-pool, none of which reaches beyond the left or right border.
struct MaxPoolRow {
  const float* const* rows = nullptr;  ///< first pixel of the first window in every row that a window reads
  int row_count = 0;
  int first_place = 0;  ///< place in the window of the first pixel
  bool relu = false;    ///< max(., 0) behind it
  std::int64_t channels = 0;
  int columns = 0;                      ///< of a window
  std::int64_t step = 0, dilation = 0;  ///< floats between windows and between columns of a window
  std::int64_t windows = 0;
  float* y = nullptr;
  std::uint8_t* argmax = nullptr;
};

/// One side of a sum of outer products: at every pixel `width` floats that lie together, and the distances between pixels.
struct OuterSide {
  const float* data;
  std::int64_t width, image, row, pixel;
};
/// sums[g,i,j] += sum over images, rows, pixels of a[g,i] b[j], where group g of a lies a_group floats behind group g - 1. Rows of the
/// sums are `sums_row` floats apart and are written as whole vectors: what lies behind column b.width may hold anything. `starts`: nothing
/// is there yet, the sums are written instead.
struct OuterTask {
  OuterSide a, b;
  std::int64_t images, rows, pixels;
  float* sums;
  std::int64_t sums_row;
  std::int64_t groups, a_group, sums_group;
  bool starts = false;
};

/// Blocks of `inputs` runs of `inner` floats become blocks of `outputs` runs: the sum of weights[k] * run indices[k], k from offsets[i]
/// to offsets[i + 1].
struct ResampleTask {
  std::int64_t inputs = 0, outputs = 0, inner = 0;
  const std::int64_t *offsets = nullptr, *indices = nullptr;
  const float* weights = nullptr;
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
  /// Many of them.
  void (*max_pool_row)(const MaxPoolRow& row) = nullptr;
  /// Its gradient: dx at the chosen pixels gets dy, the others 0; or, if `add`, on top of what is there. With y, only where y > 0.
  void (*max_pool_grad)(const float* dy, const float* y, const std::uint8_t* argmax, const std::int64_t* offsets,
                        const std::uint8_t* places, int count, std::int64_t channels, bool add, float* dx) = nullptr;

  // simd/sparse.cpp
  /// to += sum over the entries of gradient * the patch of `from` at their offset, entry by entry, or from the last to the first.
  void (*sparse_dot)(const SparseEntry* entries, std::int64_t count, bool backwards, const SparsePatch& patch, const float* from,
                     float* to) = nullptr;

  // simd/sparse_window.cpp
  bool (*has_sparse_windows)(int pool, int kernel, std::int64_t channels) = nullptr;
  void (*sparse_windows)(const SparseWindows& task) = nullptr;

  // simd/sparse_lists.cpp
  /// Of each window, those of each of its places: list window * places + place. Entries point to channel * step.
  void (*list_places)(const SparseGradients& gradients, std::int64_t step, const SparseLists& lists) = nullptr;
  /// Of each channel. Entries point to windows[window] + places[place].
  void (*list_channels)(const SparseGradients& gradients, const std::int32_t* windows, const std::int32_t* places,
                        const SparseLists& lists) = nullptr;
  /// sums[c] += the gradients of channel c.
  void (*sum_gradients)(const SparseGradients& gradients, float* sums) = nullptr;

  // simd/sparse_marks.cpp
  /// A bit for each that is not 0. Bit i of bits[word, window, place]: channel 32 * word + i, at this place of the window.
  void (*mark_places)(const SparseGradients& gradients, std::uint32_t* bits) = nullptr;

  // simd/sparse_pick.cpp
  /// Null where the machine has no permutation for it. Where two vectors do not hold a patch, one reaches over a window's places.
  void (*sparse_pick)(const SparsePick& pick) = nullptr;

  // simd/transpose.cpp
  /// to[i * to_row + j] = from[i + j * from_column].
  void (*transpose)(const float* from, std::int64_t from_column, float* to, std::int64_t to_row, std::int64_t rows,
                    std::int64_t columns) = nullptr;

  // simd/random.cpp
  /// 1 for each of the numbers first, first + 1, ... of the sequence, eight of 16 bits a block, that reaches the threshold, else 0.
  void (*random_kept)(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, std::uint8_t* kept) = nullptr;
  /// y = kept ? x * scale + shift : dropped.
  void (*scale_kept)(const std::uint8_t* kept, const float* x, const KeptScale& scale, float* y, std::int64_t n) = nullptr;
  /// mean + stddev * a normal number, for the numbers first, first + 1, ... of the sequence.
  void (*random_normal)(const RandomSequence& sequence, std::uint64_t first, std::int64_t count, float mean, float stddev,
                        float* numbers) = nullptr;

  // simd/resample.cpp
  void (*resample)(const ResampleTask& task, std::int64_t blocks, const float* from, float* to) = nullptr;

  // simd/outer.cpp
  void (*outer)(const OuterTask& task) = nullptr;

  // simd/depthwise.cpp
  /// y = bias + sum over the taps of w * x; `bias` null: none.
  void (*depthwise)(const DepthwisePixels& pixels, const float* x, const float* w, const float* bias, float* y) = nullptr;
  /// sums[tap] += sum over the pixels of dy * x.
  void (*depthwise_grad_weight)(const DepthwisePixels& pixels, const float* x, const float* dy, float* sums) = nullptr;

  // simd/unary.cpp
  Rows<UnaryBody> unary;
  // simd/eltwise.cpp
  Rows<BinaryBody> binary;
  Rows<TernaryBody> ternary;
  /// dx = y > 0 ? a + b : 0.
  void (*add_relu_grad)(const float* a, const float* b, const float* y, float* dx, std::int64_t n) = nullptr;

  // simd/gemm.cpp
  GemmBodies gemm;
  // simd/conv.cpp
  ConvBodies conv;
  // simd/winograd.cpp, winograd_weights.cpp
  WinogradBodies winograd[2][2];  ///< by whether a tile has four rows and columns of outputs, or two
  // simd/winograd_products.cpp
  /// y = x times weights, in parts as ConvTask::in_parts says.
  void (*winograd_products)(const WinogradProducts& task) = nullptr;
  // simd/winograd_strided.cpp
  WinogradStridedBodies winograd_strided;
  // simd/normalize.cpp, layer_norm.cpp, softmax.cpp, average.cpp
  NormalizeBodies normalize;
  LayerNormBodies layer_norm;
  SoftmaxBodies softmax;
  AverageBodies average;
  // simd/recurrent.cpp
  RecurrentBodies recurrent;
};

/// The best table of this machine, no better than the environment variable N2D2_MAX_ISA = generic | avx2 | avx512 says; throws ValueError
/// when that names something else.
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
