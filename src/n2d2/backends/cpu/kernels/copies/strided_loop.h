// A loop over the elements of a tensor that reaches into several operands, each with strides of its own.
#pragma once
#include <array>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {

/// Strides of `value` along the axes of `shape`, to which it is broadcast: 0 along axes that it does not have.
std::vector<std::int64_t> broadcast_strides(const ir::Value& value, const Shape& shape);

template <int kOperands>
class StridedLoop {
 public:
  using Offsets = std::array<std::int64_t, kOperands>;
  using Strides = std::array<std::vector<std::int64_t>, kOperands>;

  StridedLoop() = default;
  /// Runs over `shape` along `order` (slowest first; the batch axis must be first if there is one). Neighbouring axes that every
  /// operand walks through in one go are merged.
  StridedLoop(const Shape& shape, const std::vector<int>& order, const Strides& strides) {
    for (const int axis : order) {
      const Dim dim = shape[axis];
      if (!dim.per_row && dim.size == 1) continue;
      Offsets step{};
      for (int k = 0; k < kOperands; ++k) step[at(k)] = strides[at(k)][at(axis)];
      if (dim.per_row) batched_ = true;
      if (!dim.per_row && rank_ > (batched_ ? 1 : 0) && merges(step, dim.size)) {
        extents_[at(rank_ - 1)] *= dim.size;
        steps_[at(rank_ - 1)] = step;
      } else {
        if (rank_ == kMaxRank) std::abort();
        extents_[at(rank_)] = dim.size;
        steps_[at(rank_)] = step;
        ++rank_;
      }
    }
    if (rank_ == (batched_ ? 1 : 0)) {
      extents_[at(rank_)] = 1;
      steps_[at(rank_)] = Offsets{};
      ++rank_;
    }
  }

  /// Steps of the operands in the innermost loop, whose length is inner().
  const Offsets& inner_steps() const { return steps_[at(rank_ - 1)]; }
  std::int64_t inner() const { return extents_[at(rank_ - 1)]; }

  /// Calls body(offsets, count, steps) at the start of every series of `count` innermost runs that lie `steps` apart.
  template <class Body>
  void run_series(std::int64_t rows, const Body& body) const {
    if (rank_ == 1) return body(Offsets{}, std::int64_t{1}, Offsets{});
    const auto& steps = steps_[at(rank_ - 2)];
    const std::int64_t count = extents_[at(rank_ - 2)] * (rank_ == 2 && batched_ ? rows : 1);
    level(0, rows, Offsets{}, [&](const Offsets& offsets) { body(offsets, count, steps); }, rank_ - 2);
  }

  /// Calls body(offsets) at the start of every innermost run, in order; `rows` is the number of rows of the batch.
  template <class Body>
  void run(std::int64_t rows, const Body& body) const {
    level(0, rows, Offsets{}, body, rank_ - 1);
  }

 private:
  static constexpr int kMaxRank = 16;
  static constexpr std::size_t at(int i) { return static_cast<std::size_t>(i); }

  bool merges(const Offsets& step, std::int64_t size) const {
    for (int k = 0; k < kOperands; ++k) {
      if (steps_[at(rank_ - 1)][at(k)] != step[at(k)] * size) return false;
    }
    return true;
  }

  template <class Body>
  void level(int depth, std::int64_t rows, Offsets offsets, const Body& body, int last) const {
    if (depth == last) return body(offsets);
    const std::int64_t extent = extents_[at(depth)] * (depth == 0 && batched_ ? rows : 1);
    for (std::int64_t i = 0; i < extent; ++i) {
      level(depth + 1, rows, offsets, body, last);
      for (int k = 0; k < kOperands; ++k) offsets[at(k)] += steps_[at(depth)][at(k)];
    }
  }

  int rank_ = 0;
  bool batched_ = false;
  std::array<std::int64_t, kMaxRank> extents_{};
  std::array<Offsets, kMaxRank> steps_{};
};

}  // namespace n2d2::cpu
