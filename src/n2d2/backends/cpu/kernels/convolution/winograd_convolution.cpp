#include "n2d2/backends/cpu/kernels/convolution/winograd_convolution.h"

namespace n2d2::cpu {
namespace {

// Between places lies a line more than the tiles take: series of lines that lie a power of two apart displace each other.
constexpr std::int64_t kLine = 16;
constexpr std::int64_t kFloats = 96 * 1024;       // of all places that are multiplied in one go: the second-level cache takes them
constexpr std::int64_t kLeastTiles = 14;          // of these: weights are used often enough
constexpr std::int64_t kMostWeights = 256 * 256;  // of tiles of 4x4: beyond, 36 places of them leave the caches
constexpr std::int64_t kMostMixed = 64 * 64;      // of tiles of both sizes: beyond, 100 places of them do

std::int64_t whole_vectors(std::int64_t floats) { return (floats + simd().lanes - 1) / simd().lanes * simd().lanes; }

const WinogradBodies& bodies_of(bool rows_by_4, bool columns_by_4) { return simd().winograd[rows_by_4][columns_by_4]; }

/// How many of so many outputs are made in tiles of four, the others in tiles of two: where one or two are left over, a tile of four would
/// multiply more.
std::int64_t by_four(std::int64_t extent) { return extent % 4 == 3 ? extent : extent / 4 * 4; }

}  // namespace

bool winograd_pays(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t kChannels = 16, kTiles = 9;
  return std::min(inputs, outputs) >= kChannels && (rows + 1) / 2 * ((columns + 1) / 2) >= kTiles;
}

const WinogradBodies& winograd_squares(std::int64_t inputs, std::int64_t outputs, std::int64_t rows, std::int64_t columns) {
  const auto products = [&](const WinogradBodies& bodies) { return bodies.tiles(0, rows) * bodies.tiles(1, columns) * bodies.places(); };
  const WinogradBodies &two = bodies_of(false, false), &four = bodies_of(true, true);
  return inputs * outputs <= kMostWeights && products(four) < products(two) ? four : two;
}

WinogradConvolution::WinogradConvolution(std::int64_t inputs, std::int64_t channels, const std::int64_t (&extents)[2])
    : inputs_(inputs), channels_(channels), in_(whole_vectors(inputs)), out_(whole_vectors(channels)) {
  if (!winograd_pays(inputs, channels, extents[0], extents[1])) return;
  if (inputs * channels > kMostMixed) {
    add_region(winograd_squares(inputs, channels, extents[0], extents[1]), {0, extents[0]}, {0, extents[1]});
    return;
  }
  const std::int64_t rows = by_four(extents[0]), columns = by_four(extents[1]);
  for (const bool down_by_4 : {true, false}) {
    for (const bool across_by_4 : {true, false}) {
      add_region(bodies_of(down_by_4, across_by_4), down_by_4 ? plan::Range{0, rows} : plan::Range{rows, extents[0]},
                 across_by_4 ? plan::Range{0, columns} : plan::Range{columns, extents[1]});
    }
  }
}

void WinogradConvolution::add_region(const WinogradBodies& bodies, plan::Range rows, plan::Range columns) {
  if (rows.size() == 0 || columns.size() == 0) return;
  const std::int64_t across = bodies.tiles(1, columns.size());
  const std::int64_t tiles = std::max(kLeastTiles, kFloats / (bodies.places() * (in_ + out_)));
  regions_.push_back({&bodies, rows, columns, across, std::max<std::int64_t>(1, tiles / across), weight_floats_});
  weight_floats_ += bodies.places() * bodies.weight_place(inputs_, channels_);
}

std::int64_t WinogradConvolution::reads(int axis) const {
  const Region& last = regions_.back();
  const plan::Range made = axis == 0 ? last.rows : last.columns;
  return made.begin + last.bodies->tiles(axis, made.size()) * last.bodies->outputs[axis] + 2;
}

void WinogradConvolution::pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) const {
  for (const Region& region : regions_) region.bodies->pack(weights, first, end, packed + region.weights);
}

std::int64_t WinogradConvolution::in_place(const Region& region) const { return region.most * region.across * in_ + kLine; }
std::int64_t WinogradConvolution::out_place(const Region& region) const { return region.most * region.across * out_ + kLine; }

std::int64_t WinogradConvolution::scratch_floats() const {
  std::int64_t most = 0;
  for (const Region& region : regions_) {
    most = std::max({most, region.bodies->few_scratch_floats, region.bodies->places() * (in_place(region) + out_place(region))});
  }
  return most;
}

/// Of the row of tiles `index`.
WinogradRow WinogradConvolution::row_of(const Task& task, const Region& region, const Pending& pending, std::int64_t index) const {
  const std::int64_t made = index % pending.down * region.bodies->outputs[0], window = task.argmax != nullptr ? 2 : 1;
  const std::int64_t at = index / pending.down * task.y_image + (pending.rows.begin - task.rows.begin + made) / window * task.y_row +
                          region.columns.begin / window * channels_;
  return {.inputs = inputs_,
          .channels = channels_,
          .columns = region.columns.size(),
          .rows = std::min(region.bodies->outputs[0], pending.rows.size() - made),
          .weights = task.weights + region.weights,
          .bias = task.bias,
          .relu = task.relu,
          .y = task.y + at,
          .y_row = task.y_row,
          .argmax = task.argmax == nullptr ? nullptr : task.argmax + at};
}

void WinogradConvolution::add_image(const Task& task, const Region& region, const float* image, Pending& pending) const {
  const float* x = image + pending.rows.begin * task.x_row + region.columns.begin * inputs_;
  const bool in_one_go = is_few(region) && task.argmax == nullptr;
  for (std::int64_t row = 0; row < pending.down; ++row, x += region.bodies->outputs[0] * task.x_row) {
    if (in_one_go) {
      region.bodies->run_few(row_of(task, region, pending, pending.first++), x, task.x_row, task.scratch);
      continue;
    }
    if (pending.count == region.most) finish(task, region, pending);
    float* const to = task.scratch + pending.count++ * region.across * in_;
    region.bodies->input_tiles(x, task.x_row, inputs_, region.across, to, in_place(region));
  }
}

/// Multiplies what is pending, and writes outputs.
void WinogradConvolution::finish(const Task& task, const Region& region, Pending& pending) const {
  const WinogradBodies& bodies = *region.bodies;
  const std::int64_t no_run = 0, tiles = pending.count * region.across, weight_place = bodies.weight_place(inputs_, channels_);
  float* const products = task.scratch + bodies.places() * in_place(region);
  for (std::int64_t place = 0; place < bodies.places(); ++place) {
    simd().conv.run({.x = task.scratch + place * in_place(region),
                     .x_step = in_,
                     .runs = &no_run,
                     .run_count = 1,
                     .run_floats = inputs_,
                     .weights = task.weights + region.weights + place * weight_place,
                     .y = products + place * out_place(region),
                     .y_step = out_,
                     .rows = 1,
                     .columns = tiles,
                     .channels = channels_});
  }
  for (std::int64_t i = 0; i < pending.count; ++i) {
    bodies.output_tiles(row_of(task, region, pending, pending.first + i), products + i * region.across * out_, out_place(region));
  }
  pending.first += pending.count;
  pending.count = 0;
}

}  // namespace n2d2::cpu
