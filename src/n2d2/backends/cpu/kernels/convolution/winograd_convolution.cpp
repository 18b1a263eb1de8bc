#include "n2d2/backends/cpu/kernels/convolution/winograd_convolution.h"

namespace n2d2::cpu {
namespace {

constexpr std::int64_t kFloats = 144 * 1024;      // of all places that are multiplied in one go: the second-level cache takes them
constexpr std::int64_t kLeastTiles = 14;          // of these: weights are used often enough
constexpr std::int64_t kMostWeights = 256 * 256;  // of tiles of 4x4: beyond, 36 places of them leave the caches
constexpr std::int64_t kMostMixed = 64 * 64;      // of tiles of both sizes: beyond, 100 places of them do

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

WinogradInput WinogradImage::under(const float* image, std::int64_t row, std::int64_t column, const float* zeros) const {
  WinogradInput input{.zeros = zeros, .first = column - before[1], .columns = extent[1], .channels = channels};
  for (std::int64_t i = 0; i < 6; ++i) {
    const std::int64_t at = row - before[0] + i;
    input.rows[i] = at >= 0 && at < extent[0] ? image + at * row_floats() : zeros;
  }
  return input;
}

WinogradConvolution::WinogradConvolution(const WinogradImage& image, std::int64_t channels, const std::int64_t (&extents)[2],
                                         bool large_tiles)
    : image_(image), channels_(channels), in_(whole_vectors(image.channels)), out_(whole_vectors(channels)), large_tiles_(large_tiles) {
  const std::int64_t inputs = image.channels;
  if (!winograd_pays(inputs, channels, extents[0], extents[1])) return;
  if (!large_tiles || inputs * channels > kMostMixed) {
    const WinogradBodies& squares = large_tiles ? winograd_squares(inputs, channels, extents[0], extents[1]) : bodies_of(false, false);
    add_region(squares, {0, extents[0]}, {0, extents[1]});
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
  const bool in_groups = bodies.group > 0 && simd().conv.panel(channels_) == 2 * simd().lanes;
  regions_.push_back({&bodies, rows, columns, across, std::max<std::int64_t>(1, tiles / across), weight_floats_, in_groups});
  weight_floats_ += bodies.places() * bodies.weight_place(image_.channels, channels_);
}

void WinogradConvolution::pack(const ConvWeights& weights, std::int64_t first, std::int64_t end, float* packed) const {
  for (const Region& region : regions_) region.bodies->pack(weights, first, end, packed + region.weights);
}

/// From place to place, or from one row of places to the next.
std::int64_t WinogradConvolution::in_step(const Region& region) const {
  const WinogradBodies& bodies = *region.bodies;
  if (!region.in_groups) return region.most_tiles() * in_ + WinogradBodies::kPlaceGap;
  return (region.most_tiles() + bodies.group - 1) / bodies.group * bodies.group * (bodies.outputs[1] + 2) * in_ + WinogradBodies::kPlaceGap;
}
std::int64_t WinogradConvolution::in_floats(const Region& region) const {
  return in_step(region) * (region.in_groups ? region.bodies->outputs[0] + 2 : region.bodies->places());
}

/// From place to place, or from one vector of columns to the next.
std::int64_t WinogradConvolution::out_step(const Region& region) const {
  const WinogradBodies& bodies = *region.bodies;
  if (!region.in_groups) return region.most_tiles() * out_ + WinogradBodies::kPlaceGap;
  return region.most_tiles() * (bodies.outputs[0] + 2) * bodies.outputs[1] * simd().lanes;
}
std::int64_t WinogradConvolution::out_floats(const Region& region) const {
  return out_step(region) * (region.in_groups ? out_ / simd().lanes : region.bodies->places());
}

bool WinogradConvolution::is_few(const Region& region) const {
  return region.bodies->run_few != nullptr && image_.channels == simd().lanes && channels_ == simd().lanes;
}

/// Of a go, to whole vectors; equals, and windows that are to be settled, lie behind.
std::int64_t WinogradConvolution::tile_floats(const Region& region) const {
  return whole_vectors(std::max(region.bodies->few_scratch_floats, in_floats(region) + out_floats(region)));
}

/// Of a max-pool in a row of tiles, all channels.
std::int64_t WinogradConvolution::most_windows(const Region& region) const {
  return region.bodies->outputs[0] / 2 * (region.columns.size() / 2) * channels_;
}

std::int64_t WinogradConvolution::scratch_floats() const {
  std::int64_t most = 0;
  for (const Region& region : regions_) {
    most = std::max(most, tile_floats(region) + 2 * region.most_tiles() + most_windows(region));
  }
  return whole_vectors(image_.row_floats()) + most;
}

void WinogradConvolution::run(const Task& task) const {
  std::fill_n(task.scratch, image_.row_floats(), 0.0F);
  for (const Region& region : regions_) {
    const plan::Range rows{std::max(task.rows.begin, region.rows.begin), std::min(task.rows.end, region.rows.end)};
    if (rows.end <= rows.begin) continue;
    float* const tiles = task.scratch + whole_vectors(image_.row_floats());
    Pending pending{rows, region.bodies->tiles(0, rows.size()), tiles, nullptr};
    if (large_tiles_ && task.argmax != nullptr) pending.equals = reinterpret_cast<std::uint64_t*>(tiles + tile_floats(region));
    for (std::int64_t i = 0; i < task.images; ++i) add_image(task, region, task.x + i * image_.floats(), pending);
    finish(task, region, pending);
  }
}

/// Of row `i` of the pending tiles.
WinogradRow WinogradConvolution::row_of(const Task& task, const Region& region, const Pending& pending, std::int64_t i) const {
  const std::int64_t index = pending.first + i;
  const std::int64_t made = index % pending.down * region.bodies->outputs[0], window = task.argmax != nullptr ? 2 : 1;
  const std::int64_t at = index / pending.down * task.y_image + (pending.rows.begin - task.rows.begin + made) / window * task.y_row +
                          region.columns.begin / window * channels_;
  return {.channels = channels_,
          .columns = region.columns.size(),
          .rows = std::min(region.bodies->outputs[0], pending.rows.size() - made),
          .weights = task.weights + region.weights,
          .bias = task.bias,
          .relu = task.relu,
          .y = task.y + at,
          .y_row = task.y_row,
          .argmax = task.argmax == nullptr ? nullptr : task.argmax + at,
          .equals = pending.equals == nullptr ? nullptr : pending.equals + i * region.across};
}

void WinogradConvolution::add_image(const Task& task, const Region& region, const float* x, Pending& pending) const {
  const bool in_one_go = is_few(region) && task.argmax == nullptr;
  for (std::int64_t row = 0; row < pending.down; ++row) {
    const WinogradInput input = image_.under(x, pending.rows.begin + row * region.bodies->outputs[0], region.columns.begin, task.scratch);
    if (in_one_go) {
      region.bodies->run_few(row_of(task, region, pending, 0), input, pending.tiles);
      ++pending.first;
      continue;
    }
    if (pending.count == region.most) finish(task, region, pending);
    if (pending.equals != nullptr) region.bodies->find_equals(input, region.across, pending.equals + pending.count * region.across);
    const std::int64_t first = pending.count++ * region.across;
    if (region.in_groups) {
      region.bodies->input_groups(input, region.across, first, pending.tiles, in_step(region));
    } else {
      region.bodies->input_tiles(input, region.across, pending.tiles + first * in_, in_step(region));
    }
  }
}

void WinogradConvolution::multiply(const Task& task, const Region& region, const Pending& pending, float* products) const {
  const WinogradBodies& bodies = *region.bodies;
  const std::int64_t tiles = pending.count * region.across, weight_place = bodies.weight_place(image_.channels, channels_);
  if (region.in_groups) {
    return bodies.sum_columns({.x = pending.tiles,
                               .x_row = in_step(region),
                               .tiles = tiles,
                               .inputs = image_.channels,
                               .channels = channels_,
                               .weights = task.weights + region.weights,
                               .weight_place = weight_place,
                               .to = products,
                               .to_vector = out_step(region)});
  }
  for (std::int64_t place = 0; place < bodies.places(); ++place) {
    simd().winograd_products({.x = pending.tiles + place * in_step(region),
                              .weights = task.weights + region.weights + place * weight_place,
                              .y = products + place * out_step(region),
                              .tiles = tiles,
                              .inputs = image_.channels,
                              .channels = channels_});
  }
}

/// Multiplies what is pending, and writes outputs.
void WinogradConvolution::finish(const Task& task, const Region& region, Pending& pending) const {
  const WinogradBodies& bodies = *region.bodies;
  float* const products = pending.tiles + in_floats(region);
  multiply(task, region, pending, products);
  for (std::int64_t i = 0; i < pending.count; ++i) {
    WinogradRow row = row_of(task, region, pending, i);
    WinogradClose close;
    if (pending.equals != nullptr) {
      close.places = reinterpret_cast<std::int32_t*>(pending.equals + region.most_tiles());
      row.close = &close;
    }
    const std::int64_t first = i * region.across;
    if (region.in_groups) {
      bodies.column_outputs(row, products + first * out_step(region) / region.most_tiles(), out_step(region));
    } else {
      bodies.output_tiles(row, products + first * out_, out_step(region));
    }
    if (close.count > 0) {
      const std::int64_t index = pending.first + i;
      settle(task, row, index / pending.down, pending.rows.begin + index % pending.down * bodies.outputs[0], region.columns.begin);
    }
  }
  pending.first += pending.count;
  pending.count = 0;
}

/// Makes the windows in doubt anew, in double precision: equal inputs give equal sums. `first_row` and `first_column` of the row of tiles.
void WinogradConvolution::settle(const Task& task, const WinogradRow& row, std::int64_t image, std::int64_t first_row,
                                 std::int64_t first_column) const {
  const float* const x = task.x + image * image_.floats();
  const std::int64_t inputs = image_.channels, k_step = task.taps.k_step;
  for (std::int64_t i = 0; i < row.close->count; ++i) {
    const std::int64_t place = row.close->places[i], channel = place % row.y_row % channels_;
    const WinogradInput input = image_.under(x, first_row + 2 * (place / row.y_row), 0, task.scratch);
    const std::int64_t column = first_column + 2 * (place % row.y_row / channels_) + input.first;
    const auto seen = [&](std::int64_t p, std::int64_t q) {
      return column + q >= 0 && column + q < input.columns ? input.rows[p] + (column + q) * inputs : input.zeros;
    };
    double outputs[4] = {};
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      const std::int64_t p = tap / 3, q = tap % 3;
      const float* const weight = task.taps.first + channel * task.taps.m_step + task.taps.taps[tap];
      const float* const under[] = {seen(p, q), seen(p, q + 1), seen(p + 1, q), seen(p + 1, q + 1)};
      for (std::int64_t c = 0; c < inputs; ++c) {
        for (int output = 0; output < 4; ++output) outputs[output] += double{under[output][c]} * double{weight[c * k_step]};
      }
    }
    const auto best = static_cast<std::uint8_t>(std::max_element(outputs, outputs + 4) - outputs);
    const double value = outputs[best] + (task.bias != nullptr ? double{task.bias[channel]} : 0.0);
    row.y[place] = static_cast<float>(task.relu ? std::max(value, 0.0) : value);
    row.argmax[place] = best;
  }
}

}  // namespace n2d2::cpu
