#include "n2d2/plan/row_copies.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "n2d2/plan/threads/executor.h"

namespace n2d2::plan {
namespace {

constexpr std::int64_t kFewBytes = 32768;  // copied before another thread has begun
constexpr std::int64_t kCacheLine = 64;
constexpr std::int64_t kAhead = 4096;  // bytes of the next row that are fetched early; within a row the processor does so itself

}  // namespace

RowCopies::RowCopies(int lanes) {
  lanes_.resize(static_cast<std::size_t>(lanes > 0 ? lanes : default_lanes()));
  program_.segments.push_back({Step{"row copies", [this](const Lane& lane) { copy(lane); }, false}});
}

void RowCopies::add(const RowCopy& copy) {
  copies_.push_back(copy);
  bytes_per_row_ += copy.bytes;
}

void RowCopies::copy(const Lane& lane) const {
  const std::int64_t end = lane.row0 + lane.rows;
  for (const RowCopy& copy : copies_) {
    for (std::int64_t row = lane.row0; row < end; ++row) {
      if (row + 1 < end) {
        const char* next = copy.source + rows_[row + 1] * copy.stride;
        for (std::int64_t at = 0; at < std::min(copy.bytes, kAhead); at += kCacheLine) __builtin_prefetch(next + at);
      }
      std::memcpy(copy.target + row * copy.bytes, copy.source + rows_[row] * copy.stride, static_cast<std::size_t>(copy.bytes));
    }
  }
}

void RowCopies::run(const std::int64_t* rows, std::int64_t count) {
  rows_ = rows;
  if (count * bytes_per_row_ <= kFewBytes) return copy({.rows = count, .total_rows = count});
  const int lanes = static_cast<int>(lanes_.size());
  for (int index = 0; index < lanes; ++index) {
    const Range range = part_of(count, index, lanes);
    lanes_[static_cast<std::size_t>(index)] = {
        .index = index, .count = lanes, .row0 = range.begin, .rows = range.size(), .total_rows = count, .lane_row0 = range.begin};
  }
  plan::run(std::array{&std::as_const(program_)}, lanes_);
}

}  // namespace n2d2::plan
