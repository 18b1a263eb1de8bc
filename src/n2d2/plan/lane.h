// A lane is a share of the work of every step; what a kernel gets when it runs.
#pragma once
#include <cstdint>

namespace n2d2::plan {

/// What differs from run to run but not from lane to lane.
struct RunArguments {
  std::uint64_t random_key = 0;       ///< one key per forward, see core/philox.h
  bool accumulate_gradients = false;  ///< AccumulateGradient adds to what is there instead of overwriting it
  bool store_gradients = true;        ///< false: AccumulateGradient does nothing, the caller wants input gradients alone
};

/// Lane `index` of `count` works on rows [row0, row0 + rows) of the batch, or on its slice of features.
struct Lane {
  int index = 0;
  int count = 1;
  std::int64_t row0 = 0;
  std::int64_t rows = 0;
  std::int64_t total_rows = 0;
  // A run of steps that keep to rows goes through the lane's rows chunk by chunk; row0 and rows are those of the chunk.
  std::int64_t lane_row0 = 0;  ///< first row of the lane
  bool is_first = true;        ///< chunk of the lane: partial sums begin
  bool is_last = true;
  char* const* bases = nullptr;  ///< start of each region, see plan/memory/storage.h
  const RunArguments* arguments = nullptr;
};

/// [begin, end) of `n` things, cut into `count` parts of nearly equal size in multiples of `grain`.
struct Range {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  std::int64_t size() const { return end - begin; }
};

inline Range part_of(std::int64_t n, int index, int count, std::int64_t grain = 1) {
  const std::int64_t grains = (n + grain - 1) / grain;
  const std::int64_t begin = grains * index / count * grain;
  const std::int64_t end = grains * (index + 1) / count * grain;
  return {begin < n ? begin : n, end < n ? end : n};
}
inline Range slice_of(std::int64_t n, const Lane& lane, std::int64_t grain = 1) { return part_of(n, lane.index, lane.count, grain); }

}  // namespace n2d2::plan
