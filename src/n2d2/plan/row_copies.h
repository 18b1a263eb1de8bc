// Rows of arrays in any order, copied one behind the other by all lanes: the batches of shuffled data.
#pragma once
#include <cstdint>
#include <vector>

#include "n2d2/plan/lane.h"
#include "n2d2/plan/program.h"

namespace n2d2::plan {

/// Row r of an array lies at source + r * stride; `bytes` of it go to the target.
struct RowCopy {
  const char* source = nullptr;
  std::int64_t stride = 0;  ///< bytes; may be negative
  std::int64_t bytes = 0;
  char* target = nullptr;
};

/// Copies the same rows of several arrays. One caller at a time.
class RowCopies {
 public:
  /// `lanes` 0: by rule, as Network. Rows go to the lanes as those of a step do, so each finds its own in its cache.
  explicit RowCopies(int lanes = 0);
  RowCopies(const RowCopies&) = delete;
  RowCopies& operator=(const RowCopies&) = delete;

  void add(const RowCopy& copy);
  /// Row number rows[i] becomes row i of every target. The caller has checked that it is there.
  void run(const std::int64_t* rows, std::int64_t count);

 private:
  void copy(const Lane& lane) const;

  Program program_;
  std::vector<Lane> lanes_;
  std::vector<RowCopy> copies_;
  std::int64_t bytes_per_row_ = 0;
  const std::int64_t* rows_ = nullptr;
};

}  // namespace n2d2::plan
