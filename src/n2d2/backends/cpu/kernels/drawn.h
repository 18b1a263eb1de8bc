// Random numbers for the elements of a tensor. Element i, counted row by row as the elements of a row lie in memory, takes number i of the
// node's sequence, so that neither lanes nor chunks nor the batch size of other runs change what is drawn.
#pragma once
#include <cstdint>
#include <numeric>
#include <vector>

#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

class Drawn {
 public:
  /// Elements that differ along `shared` axes alone take one number.
  Drawn(const ir::Value& value, const std::vector<std::int64_t>& shared) : per_row_(value.shape().elements_per_row()), id_(value.id) {
    std::vector<int> logical(static_cast<std::size_t>(value.rank()));
    std::iota(logical.begin(), logical.end(), 0);
    in_order_ = shared.empty();
    Shape numbers = value.shape();
    for (const std::int64_t axis : shared) numbers[normalized_axis(axis, value.rank(), "shared_axes")] = Dim(1);
    drawn_per_row_ = numbers.elements_per_row();
    auto strides = ir::strides_of(numbers, logical);
    for (const std::int64_t axis : shared) strides[static_cast<std::size_t>(normalized_axis(axis, value.rank(), "shared_axes"))] = 0;
    loop_ = StridedLoop<2>(value.shape(), ir::order_of(value), {ir::strides_of(value.shape(), ir::order_of(value)), strides});
  }

  /// Bytes of scratch that fill() needs for numbers of so many bytes.
  std::int64_t scratch_bytes(std::int64_t size) const { return in_order_ ? size : drawn_per_row_ * size; }

  RandomSequence sequence(const plan::Lane& lane, std::uint32_t threshold = 0) const {
    const std::uint64_t key = lane.arguments->random_key;
    return {{static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)}, static_cast<std::uint32_t>(id_), threshold};
  }

  /// Numbers of the lane's rows, as they lie in memory, to `to`. draw(first, count, to) makes some of the sequence.
  template <class T, class Draw>
  void fill(const plan::Lane& lane, T* scratch, T* to, const Draw& draw) const {
    if (in_order_) return draw(static_cast<std::uint64_t>(lane.row0 * per_row_), lane.rows * per_row_, to);
    const auto [step, drawn_step] = loop_.inner_steps();
    for (std::int64_t row = 0; row < lane.rows; ++row, to += per_row_) {
      draw(static_cast<std::uint64_t>((lane.row0 + row) * drawn_per_row_), drawn_per_row_, scratch);
      loop_.run(1, [&, step = step, drawn_step = drawn_step](const auto& offsets) {
        for (std::int64_t i = 0; i < loop_.inner(); ++i) to[offsets[0] + i * step] = scratch[offsets[1] + i * drawn_step];
      });
    }
  }

 private:
  std::int64_t per_row_ = 0, drawn_per_row_ = 0;
  int id_ = 0;
  bool in_order_ = true;
  StridedLoop<2> loop_;
};

}  // namespace n2d2::cpu
