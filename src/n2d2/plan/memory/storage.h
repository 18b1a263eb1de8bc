// Where the bytes of a value lie while a plan runs, and the handle by which kernels reach them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "n2d2/plan/lane.h"

namespace n2d2::plan {

/// Index into Lane::bases. Regions from kExternal on are memory of others: one per input, output, parameter, buffer.
enum Region : int {
  kLocal = 0,    ///< arena of one lane: values that only their own lane touches
  kShared,       ///< arena of all lanes
  kSavedLocal,   ///< like kLocal, but alive until backward: one block per pending forward
  kSavedShared,  ///< like kShared, but alive until backward
  kPacked,       ///< packed copies of parameters and constants: alive as long as the plan
  kPackedOwn,    ///< the same, a copy for each lane
  kExternal,
};

/// The bytes of one value or scratch. Filled in by the memory planner after all kernels are prepared.
struct Storage {
  std::string name;
  std::int64_t bytes_per_row = 0;  ///< of a batched value
  std::int64_t bytes = 0;          ///< of any other
  bool batched = false;
  bool per_lane = false;  ///< each lane has a copy of its own: scratch, partial sums
  bool partial = false;   ///< a sum over the rows of a lane
  bool kept = false;      ///< scratch: from chunk to chunk
  bool chunked = false;   ///< only the rows of one chunk exist
  int region = -1;
  std::int64_t offset = 0;
};

/// A kernel's handle on a value. Copied into the kernel's run function; costs one addition to use.
class Operand {
 public:
  Operand() = default;
  explicit Operand(const Storage* storage) : storage_(storage) {}
  explicit operator bool() const { return storage_ != nullptr; }
  const Storage* storage() const { return storage_; }

  /// First of the lane's own rows (batched values).
  template <class T = float>
  T* rows(const Lane& lane) const {
    const bool own = storage_->region == kLocal || storage_->region == kSavedLocal;
    const std::int64_t row = !own ? lane.row0 : storage_->chunked ? 0 : lane.row0 - lane.lane_row0;
    return reinterpret_cast<T*>(start(lane) + row * storage_->bytes_per_row);
  }
  /// Row 0 of all rows, or the start of a value that is not batched. For access by `Access::all` or `Access::features`.
  template <class T = float>
  T* all(const Lane& lane) const {
    return reinterpret_cast<T*>(start(lane));
  }
  /// The lane's own copy of scratch or of a partial sum.
  template <class T = float>
  T* own(const Lane& lane) const {
    return copy_of<T>(storage_->region == kLocal ? 0 : lane.index, lane);
  }
  /// The copy of lane `index` of a partial sum.
  template <class T = float>
  T* copy_of(int index, const Lane& lane) const {
    return reinterpret_cast<T*>(start(lane) + index * storage_->bytes);
  }

 private:
  char* start(const Lane& lane) const { return lane.bases[storage_->region] + storage_->offset; }
  const Storage* storage_ = nullptr;
};

}  // namespace n2d2::plan
