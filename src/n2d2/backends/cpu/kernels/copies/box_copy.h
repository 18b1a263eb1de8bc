// Boxes copied from one tensor into another: what Concat, Pad, Slice, Split and Expand do.
#pragma once
#include <algorithm>
#include <cstring>
#include <vector>

#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/plan/emitter.h"

namespace n2d2::cpu {

using Offsets = std::vector<std::int64_t>;

inline Offsets zeros(const ir::Value& value) { return Offsets(static_cast<std::size_t>(value.rank()), 0); }

/// One side of a copy: where the box begins and how far its elements lie apart.
struct BoxSide {
  std::int64_t start = 0;
  std::vector<std::int64_t> strides;

  BoxSide() = default;
  /// `steps` along the axes of the value; 1 where empty.
  BoxSide(const ir::Value& value, const Offsets& corner, const Offsets& steps = {})
      : strides(ir::strides_of(value.shape(), ir::order_of(value))) {
    for (std::size_t axis = 0; axis < strides.size(); ++axis) {
      start += corner[axis] * strides[axis];
      if (!steps.empty()) strides[axis] *= steps[axis];
    }
  }
};

class BoxCopy {
 public:
  /// Elements of `box`, in the memory order of what is written.
  BoxCopy(const Shape& box, const std::vector<int>& order, const BoxSide& to, const BoxSide& from)
      : loop_(box, order, {to.strides, from.strides}), to_start_(to.start), from_start_(from.start) {}

  template <class T>
  void run(T* to, const T* from, std::int64_t rows) const {
    const std::int64_t n = loop_.inner();
    const auto [sy, sx] = loop_.inner_steps();
    loop_.run(rows, [&, sy = sy, sx = sx](const auto& offsets) {
      T* out = to + to_start_ + offsets[0];
      const T* in = from + from_start_ + offsets[1];
      if (sy == 1 && sx == 1) {
        std::memcpy(out, in, static_cast<std::size_t>(n) * sizeof(T));
      } else {
        for (std::int64_t i = 0; i < n; ++i) out[i * sy] = in[i * sx];
      }
    });
  }

 private:
  StridedLoop<2> loop_;
  std::int64_t to_start_, from_start_;
};

/// The lane's rows of a batched value, the whole of any other.
template <class T = float>
T* mine(const plan::Operand& operand, bool batched, const plan::Lane& lane) {
  return batched ? operand.rows<T>(lane) : operand.all<T>(lane);
}

/// Calls run(emit, T()) with the type whose values have the size of the first output's elements.
template <class Run>
void by_element_size(plan::Emitter& emit, const Run& run) {
  switch (emit.node().output()->type.dtype) {
    case DType::float32:
      return run(float());
    case DType::uint8:
      return run(std::uint8_t());
    case DType::int32:
      return run(std::int32_t());
    default:
      return run(std::int64_t());
  }
}

/// Adds the step that copies the box from input 0 to output 0; `fills`: `value` goes everywhere else.
template <class T>
void copy_box(plan::Emitter& emit, const BoxCopy& copy, bool fills = false, T value = T()) {
  const auto x = emit.in(0), y = emit.out();
  const bool from_rows = emit.node().input(0)->is_batched();
  const bool to_rows = emit.node().output()->is_batched();
  const std::int64_t count = emit.node().output_shape().elements_per_row();
  const auto body = [=](const plan::Lane& lane) {
    const std::int64_t rows = to_rows ? lane.rows : 1;
    T* out = mine<T>(y, to_rows, lane);
    if (fills) std::fill(out, out + rows * count, value);
    copy.run<T>(out, mine<T>(x, from_rows, lane), rows);
  };
  to_rows ? emit.rows(body) : emit.single(body, {});
}

}  // namespace n2d2::cpu
