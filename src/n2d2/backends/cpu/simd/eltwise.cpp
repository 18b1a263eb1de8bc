// Elementwise operators of two and three tensors: a row gives an operator's value, for vectors of neighbours.
#include "n2d2/backends/cpu/simd/eltwise.h"

#include "n2d2/backends/cpu/simd/functions.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

enum Step { one, next, strided };

/// The operand of elements [i, i + n) of a run.
template <Step kStep>
static inline Vec operand(const float* p, std::int64_t step, std::int64_t i, int n) {
  if (kStep == one) return splat(*p);
  if (kStep == next) return n == kLanes ? load(p + i) : load_part(p + i, n);
  Vec v{};
  for (int j = 0; j < n; ++j) v[j] = p[(i + j) * step];
  return v;
}

template <class Operation, Step kStepA, Step kStepB>
void runs_of(const BinaryTask& t) {
  const float *a = t.a, *b = t.b;
  float* c = t.c;
  for (std::int64_t run = 0; run < t.runs; ++run, a += t.a_run, b += t.b_run, c += t.c_run) {
    std::int64_t i = 0;
    for (; i + kLanes <= t.n; i += kLanes) {
      store(c + i, Operation{}(operand<kStepA>(a, t.a_step, i, kLanes), operand<kStepB>(b, t.b_step, i, kLanes)));
    }
    const int rest = static_cast<int>(t.n - i);
    if (rest > 0) store_part(c + i, rest, Operation{}(operand<kStepA>(a, t.a_step, i, rest), operand<kStepB>(b, t.b_step, i, rest)));
  }
}

template <class Operation>
void binary(const BinaryTask& t) {
  if (t.a_step > 1 || t.b_step > 1) return runs_of<Operation, strided, strided>(t);
  if (t.a_step == 1 && t.b_step == 1) return runs_of<Operation, next, next>(t);
  if (t.a_step == 1) return runs_of<Operation, next, one>(t);
  if (t.b_step == 1) return runs_of<Operation, one, next>(t);
  runs_of<Operation, one, one>(t);
}

/// The operand of elements [i, i + n) of a run whose step is known at run time alone.
static inline Vec operand(const float* p, std::int64_t step, std::int64_t i, int n) {
  return step == 0 ? splat(*p) : step == 1 ? operand<next>(p, 1, i, n) : operand<strided>(p, step, i, n);
}

template <class Operation>
void ternary(const TernaryTask& t) {
  for (std::int64_t run = 0; run < t.runs; ++run) {
    const float *a = t.inputs[0] + run * t.input_runs[0], *b = t.inputs[1] + run * t.input_runs[1];
    const float* c = t.inputs[2] + run * t.input_runs[2];
    float* y = t.y + run * t.y_run;
    const auto at = [&](std::int64_t i, int n) {
      return Operation{}(operand(a, t.steps[0], i, n), operand(b, t.steps[1], i, n), operand(c, t.steps[2], i, n));
    };
    std::int64_t i = 0;
    for (; i + kLanes <= t.n; i += kLanes) store(y + i, at(i, kLanes));
    const int rest = static_cast<int>(t.n - i);
    if (rest > 0) store_part(y + i, rest, at(i, rest));
  }
}

template <class Operation>
constexpr BinaryBody row2(const char* op, Operation) {
  return {op, binary<Operation>};
}
template <class Operation>
constexpr TernaryBody row3(const char* op, Operation, const char* variant = "") {
  return {op, ternary<Operation>, variant};
}

static inline Vec truth(VecInt condition) { return condition != 0 ? splat(1.0F) : Vec{}; }
static inline Vec masked(Vec dy, Vec y) { return y <= Vec{} ? Vec{} : dy; }

/// x to the power e, lane by lane: the usual exponents in one operation or two.
static inline Vec pow(Vec x, Vec e) {
  Vec y = x;
  y = e == 2.0F ? x * x : y;
  y = e == 3.0F ? x * x * x : y;
  y = e == 0.0F ? splat(1.0F) : y;
  y = e == -1.0F ? 1.0F / x : y;
  const VecInt others = ~((e == 0.0F) | (e == 1.0F) | (e == 2.0F) | (e == 3.0F) | (e == -1.0F));
  if (!any(others)) return y;
  for (int i = 0; i < kLanes; ++i) {
    if (others[i] != 0) y[i] = __builtin_powf(x[i], e[i]);
  }
  return y;
}

const BinaryBody kBinaryRows[] = {
    row2("Add", [](Vec a, Vec b) { return a + b; }),
    row2("AddRelu", [](Vec a, Vec b) { return a + b <= Vec{} ? Vec{} : a + b; }),
    row2("Sub", [](Vec a, Vec b) { return a - b; }),
    row2("Mul", [](Vec a, Vec b) { return a * b; }),
    row2("Div", [](Vec a, Vec b) { return a / b; }),
    row2("Pow", [](Vec x, Vec y) { return pow(x, y); }),
    row2("Max", [](Vec a, Vec b) { return (a > b) | (a != a) ? a : b; }),  // NaN of either
    row2("Min", [](Vec a, Vec b) { return (a < b) | (a != a) ? a : b; }),
    row2("Equal", [](Vec a, Vec b) { return truth(a == b); }),
    row2("Less", [](Vec a, Vec b) { return truth(a < b); }),
    row2("LessOrEqual", [](Vec a, Vec b) { return truth(a <= b); }),
    row2("Greater", [](Vec a, Vec b) { return truth(a > b); }),
    row2("GreaterOrEqual", [](Vec a, Vec b) { return truth(a >= b); }),
    row2("And", [](Vec a, Vec b) { return truth((a != Vec{}) & (b != Vec{})); }),
    row2("Or", [](Vec a, Vec b) { return truth((a != Vec{}) | (b != Vec{})); }),
    row2("PRelu", [](Vec x, Vec slope) { return x > Vec{} ? x : slope * x; }),
    row2("PReluGradSlope", [](Vec dy, Vec x) { return x > Vec{} ? Vec{} : dy * x; }),
};

const TernaryBody kTernaryRows[] = {
    row3("Where", [](Vec condition, Vec x, Vec y) { return condition != Vec{} ? x : y; }),
    row3(
        "MaxGrad", [](Vec dy, Vec a, Vec b) { return a < b    ? Vec{}
                                                     : a == b ? 0.5F * dy
                                                              : dy; }, "half"),
    row3(
        "MaxGrad", [](Vec dy, Vec a, Vec b) { return a >= b ? dy : Vec{}; }, "first"),
    row3(
        "MaxGrad", [](Vec dy, Vec a, Vec b) { return b >= a ? Vec{} : dy; }, "second"),
    row3("PReluGrad", [](Vec dy, Vec x, Vec slope) { return x > Vec{} ? dy : slope * dy; }),
    row3("PowGradX", [](Vec dy, Vec x, Vec y) { return y == Vec{} ? Vec{} : dy * (y * pow(x, y - 1.0F)); }),
    row3("PowGradY", [](Vec dy, Vec x, Vec y) { return (x == Vec{}) & (y >= Vec{}) ? Vec{} : dy * (pow(x, y) * log(x)); }),
};

void add_relu_grad(const float* a, const float* b, const float* y, float* dx, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dx + i, masked(load(a + i) + load(b + i), load(y + i)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(dx + i, rest, masked(load_part(a + i, rest) + load_part(b + i, rest), load_part(y + i, rest)));
}

}  // namespace

void add_eltwise(Simd& table);
void add_eltwise(Simd& table) {
  table.binary = {kBinaryRows, static_cast<int>(sizeof(kBinaryRows) / sizeof(kBinaryRows[0]))};
  table.ternary = {kTernaryRows, static_cast<int>(sizeof(kTernaryRows) / sizeof(kTernaryRows[0]))};
  table.add_relu_grad = add_relu_grad;
}

}  // namespace n2d2::cpu::N2D2_ISA
