// One time step of recurrent layers: what simd/recurrent.cpp offers.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// Rows of numbers, `row` floats apart. Null data: zeros.
template <class T>
struct RowsOf {
  T* data = nullptr;
  std::int64_t row = 0;
  RowsOf at(std::int64_t offset) const { return {data == nullptr ? nullptr : data + offset, row}; }
};
using FloatRows = RowsOf<float>;
using ConstRows = RowsOf<const float>;

/// `gates` holds, `units` floats each and in this order, i, f and the candidate g and o at the places given.
struct LstmStep {
  std::int64_t rows = 0, units = 0;
  std::int64_t i = 0, f = 0, g = 0, o = 0;  ///< first float of each gate in a row of gates
  FloatRows gates;                          ///< forward: sums, replaced by the gates' values
  ConstRows cells_before;
  FloatRows cells;
  FloatRows y;
  // Backward:
  ConstRows dy;
  FloatRows dcells;  ///< gradient of the cells, replaced by that of the cells before
  FloatRows dgates;  ///< gradient of the sums
};

/// y = n + z (y_before - n), n = tanh(x_n + r hidden).
struct GruStep {
  std::int64_t rows = 0, units = 0;
  std::int64_t z = 0, r = 0, n = 0;  ///< first float of each gate in a row
  FloatRows gates;                   ///< forward: sums of z and r, replaced by the values of all three
  ConstRows x;                       ///< the part of the sums that comes from the input; of n alone
  ConstRows hidden;                  ///< what r multiplies
  const float* bias = nullptr;       ///< added to the sums of z and r; null: none
  ConstRows y_before;
  FloatRows y;
  // Backward:
  ConstRows dy;
  ConstRows dy_before;    ///< added to what flows to the step before
  FloatRows carry;        ///< dy z, and dy_before
  FloatRows dx, dhidden;  ///< gradients of the sums, from the input's side and from that of the hidden state
};

/// Backward of y = tanh(sum), or with `relu` max(sum, 0).
struct RnnStep {
  std::int64_t rows = 0, units = 0;
  bool relu = false;
  FloatRows y;  ///< forward: sums, replaced by the result
  ConstRows dy;
  FloatRows dsums;
};

struct RecurrentBodies {
  void (*lstm)(const LstmStep& step) = nullptr;
  void (*lstm_grad)(const LstmStep& step) = nullptr;
  void (*gru)(const GruStep& step) = nullptr;
  void (*gru_grad)(const GruStep& step) = nullptr;
  void (*rnn)(const RnnStep& step) = nullptr;
  void (*rnn_grad)(const RnnStep& step) = nullptr;
};

}  // namespace n2d2::cpu
