// Products of tiles and weights at one place of Winograd's algorithm: sums are short, so that what lies around them counts.
#include "n2d2/backends/cpu/simd/add_inputs.h"
#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/winograd.h"

namespace n2d2::cpu::N2D2_ISA {
const Simd& table();

namespace {

static inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

#if defined(__AVX512F__)
void products(const WinogradProducts& task) {
  const std::int64_t no_run = 0;
  table().conv.run({.x = task.x,
                    .x_step = whole_vectors(task.inputs),
                    .runs = &no_run,
                    .run_count = 1,
                    .run_floats = task.inputs,
                    .in_parts = true,
                    .weights = task.weights,
                    .y = task.y,
                    .y_step = whole_vectors(task.channels),
                    .rows = 1,
                    .columns = task.tiles,
                    .channels = task.channels});
}
#else
constexpr int kPanelVecs = 2;
constexpr int kMost[kPanelVecs + 1] = {0, 10, 6};  // tiles, by vectors: sums fit the registers

/// Tiles of a panel.
struct Part {
  std::int64_t x_step, y_step;  // floats between tiles
  std::int64_t inputs;
  const float* weights;
};

struct Whole {
  using V = Vec;
  static constexpr int kWidth = kLanes;
  static inline V get(const float* p) { return load(p); }
};

/// Some times so many tiles. Sums over four inputs at a time, without a branch.
template <bool kAdds, int kTiles, int kVecs>
void tiles(const Part& part, std::int64_t times, const float* x, float* y) {
  constexpr int kGroups = (kTiles + kPerPointer - 1) / kPerPointer, kAtOnce = 4;
  const std::int64_t step = part.x_step, y_step = part.y_step, inputs = part.inputs;
  const float* const first = part.weights;
  for (; times > 0; --times, x += kTiles * step) {
    const float* from[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) from[g] = x + kPerPointer * g * step;
    const float* weights = first;
    Vec sums[kTiles][kVecs] = {};
    std::int64_t left = inputs;
    for (; left >= kAtOnce; left -= kAtOnce) add_inputs<Whole, kAtOnce>(from, step, weights, sums);
    for (; left > 0; --left) add_inputs<Whole, 1>(from, step, weights, sums);
#pragma GCC unroll 10
    for (int i = 0; i < kTiles; ++i, y += y_step) {
#pragma GCC unroll 2
      for (int j = 0; j < kVecs; ++j) store(y + j * kLanes, kAdds ? load(y + j * kLanes) + sums[i][j] : sums[i][j]);
    }
  }
}

using Body = void (*)(const Part&, std::int64_t, const float*, float*);
template <bool kAdds>
struct Bodies {
  static constexpr Body kOne[] = {tiles<kAdds, 1, 1>, tiles<kAdds, 2, 1>, tiles<kAdds, 3, 1>, tiles<kAdds, 4, 1>, tiles<kAdds, 5, 1>,
                                  tiles<kAdds, 6, 1>, tiles<kAdds, 7, 1>, tiles<kAdds, 8, 1>, tiles<kAdds, 9, 1>, tiles<kAdds, 10, 1>};
  static constexpr Body kTwo[] = {tiles<kAdds, 1, 2>, tiles<kAdds, 2, 2>, tiles<kAdds, 3, 2>,
                                  tiles<kAdds, 4, 2>, tiles<kAdds, 5, 2>, tiles<kAdds, 6, 2>};
};

/// Sums are made in parts of ConvTask::kPart inputs.
void products(const WinogradProducts& task) {
  if (task.tiles == 0) return;
  Part part{.x_step = whole_vectors(task.inputs), .y_step = whole_vectors(task.channels)};
  for (std::int64_t c = 0; c < part.y_step; c += kPanelVecs * kLanes) {
    const int vecs = part.y_step - c > kLanes ? 2 : 1;
    const std::int64_t goes = (task.tiles + kMost[vecs] - 1) / kMost[vecs];  // of nearly the same number of tiles
    const std::int64_t width = task.tiles / goes, wider = task.tiles % goes;
    for (std::int64_t first = 0; first < task.inputs; first += ConvTask::kPart) {
      part.inputs = task.inputs - first < ConvTask::kPart ? task.inputs - first : ConvTask::kPart;
      part.weights = task.weights + c * task.inputs + first * vecs * kLanes;
      const Body* const bodies =
          first == 0 ? (vecs == 2 ? Bodies<false>::kTwo : Bodies<false>::kOne) : (vecs == 2 ? Bodies<true>::kTwo : Bodies<true>::kOne);
      const float* const x = task.x + first;
      float* const y = task.y + c;
      const std::int64_t before = wider * (width + 1);
      if (wider > 0) bodies[width](part, wider, x, y);
      bodies[width - 1](part, goes - wider, x + before * part.x_step, y + before * part.y_step);
    }
  }
}
#endif

}  // namespace

void add_winograd_products(Simd& table);
void add_winograd_products(Simd& table) { table.winograd_products = products; }

}  // namespace n2d2::cpu::N2D2_ISA
