#include "n2d2/plan/chunks.h"

#include <set>

namespace n2d2::plan {
namespace {

std::int64_t bytes_per_row(const std::vector<PlannedStep>& steps, std::size_t begin, std::size_t end) {
  std::set<const Storage*> seen;
  std::int64_t bytes = 1;
  for (std::size_t i = begin; i < end; ++i) {
    for (const Use& use : steps[i].uses) {
      const Storage* storage = use.operand.storage();
      if (storage->batched && seen.insert(storage).second) bytes += storage->bytes_per_row;
    }
  }
  return bytes;
}

}  // namespace

void assign_chunks(std::vector<PlannedStep>& steps, std::int64_t lane_capacity, std::int64_t chunk_bytes) {
  int loop = 0;
  for (std::size_t begin = 0; begin < steps.size(); ++loop) {
    const auto joins = [&](const PlannedStep& step) { return step.chunked && step.segment == steps[begin].segment; };
    std::size_t end = begin + 1;
    while (steps[begin].chunked && end < steps.size() && joins(steps[end])) ++end;
    const std::int64_t bytes = bytes_per_row(steps, begin, end);
    std::int64_t rows = 1;
    while (2 * rows * bytes <= chunk_bytes) rows *= 2;
    const bool is_cut = steps[begin].chunked && rows < lane_capacity;
    for (; begin < end; ++begin) {
      steps[begin].loop = loop;
      steps[begin].chunk_rows = is_cut ? rows : 0;
    }
  }
}

}  // namespace n2d2::plan
