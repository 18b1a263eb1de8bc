// One time step of recurrent layers, behind the product with the recurrent weights.
#include "n2d2/backends/cpu/simd/recurrent.h"

#include "n2d2/backends/cpu/simd/functions.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

/// Calls body(row, first unit, count) for every vector of every row.
template <class Body>
void each(std::int64_t rows, std::int64_t units, const Body& body) {
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t unit = 0; unit < units; unit += kLanes) {
      body(row, unit, static_cast<int>(units - unit < kLanes ? units - unit : kLanes));
    }
  }
}

template <class T>
static inline Vec get(const RowsOf<T>& rows, std::int64_t row, std::int64_t at, int n) {
  return rows.data == nullptr ? Vec{} : load_part(rows.data + row * rows.row + at, n);
}
static inline void put(const FloatRows& rows, std::int64_t row, std::int64_t at, int n, Vec value) {
  store_part(rows.data + row * rows.row + at, n, value);
}

static inline Vec of_sigmoid(Vec dy, Vec y) { return dy * y * (1.0F - y); }
static inline Vec of_tanh(Vec dy, Vec y) { return dy * (1.0F - y * y); }

void lstm(const LstmStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const Vec i = sigmoid(get(s.gates, row, s.i + at, n)), f = sigmoid(get(s.gates, row, s.f + at, n));
    const Vec g = tanh(get(s.gates, row, s.g + at, n)), o = sigmoid(get(s.gates, row, s.o + at, n));
    const Vec cell = fma(f, get(s.cells_before, row, at, n), i * g);
    put(s.gates, row, s.i + at, n, i);
    put(s.gates, row, s.f + at, n, f);
    put(s.gates, row, s.g + at, n, g);
    put(s.gates, row, s.o + at, n, o);
    put(s.cells, row, at, n, cell);
    put(s.y, row, at, n, o * tanh(cell));
  });
}

void lstm_grad(const LstmStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const Vec i = get(s.gates, row, s.i + at, n), f = get(s.gates, row, s.f + at, n);
    const Vec g = get(s.gates, row, s.g + at, n), o = get(s.gates, row, s.o + at, n);
    const Vec bent = tanh(get(s.cells, row, at, n)), dy = get(s.dy, row, at, n);
    const Vec dcell = get(s.dcells, row, at, n) + of_tanh(dy * o, bent);
    put(s.dgates, row, s.i + at, n, of_sigmoid(dcell * g, i));
    put(s.dgates, row, s.f + at, n, of_sigmoid(dcell * get(s.cells_before, row, at, n), f));
    put(s.dgates, row, s.g + at, n, of_tanh(dcell * i, g));
    put(s.dgates, row, s.o + at, n, of_sigmoid(dy * bent, o));
    put(s.dcells, row, at, n, dcell * f);
  });
}

void gru(const GruStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const ConstRows bias{s.bias, 0};
    const Vec z = sigmoid(get(s.gates, row, s.z + at, n) + get(bias, row, s.z + at, n));
    const Vec r = sigmoid(get(s.gates, row, s.r + at, n) + get(bias, row, s.r + at, n));
    const Vec candidate = tanh(fma(r, get(s.hidden, row, at, n), get(s.x, row, s.n + at, n)));
    put(s.gates, row, s.z + at, n, z);
    put(s.gates, row, s.r + at, n, r);
    put(s.gates, row, s.n + at, n, candidate);
    put(s.y, row, at, n, fma(z, get(s.y_before, row, at, n) - candidate, candidate));
  });
}

void gru_grad(const GruStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const Vec z = get(s.gates, row, s.z + at, n), r = get(s.gates, row, s.r + at, n), candidate = get(s.gates, row, s.n + at, n);
    const Vec dy = get(s.dy, row, at, n);
    const Vec dz = of_sigmoid(dy * (get(s.y_before, row, at, n) - candidate), z);
    const Vec dn = of_tanh(dy * (1.0F - z), candidate);
    const Vec dr = of_sigmoid(dn * get(s.hidden, row, at, n), r);
    put(s.dx, row, s.z + at, n, dz);
    put(s.dx, row, s.r + at, n, dr);
    put(s.dhidden, row, s.z + at, n, dz);
    put(s.dhidden, row, s.r + at, n, dr);
    put(s.dx, row, s.n + at, n, dn);
    put(s.dhidden, row, s.n + at, n, dn * r);
    put(s.carry, row, at, n, fma(dy, z, get(s.dy_before, row, at, n)));
  });
}

void rnn(const RnnStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const Vec sum = get(s.y, row, at, n);
    put(s.y, row, at, n, s.relu ? (sum <= Vec{} ? Vec{} : sum) : tanh(sum));
  });
}

void rnn_grad(const RnnStep& s) {
  each(s.rows, s.units, [&](std::int64_t row, std::int64_t at, int n) {
    const Vec y = get(s.y, row, at, n), dy = get(s.dy, row, at, n);
    put(s.dsums, row, at, n, s.relu ? (y <= Vec{} ? Vec{} : dy) : of_tanh(dy, y));
  });
}

}  // namespace

void add_recurrent(Simd& table);
void add_recurrent(Simd& table) {
  table.recurrent = {.lstm = lstm, .lstm_grad = lstm_grad, .gru = gru, .gru_grad = gru_grad, .rnn = rnn, .rnn_grad = rnn_grad};
}

}  // namespace n2d2::cpu::N2D2_ISA
