// Elementwise operators of two tensors: vectors of neighbours.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

const auto add = [](Vec a, Vec b) { return a + b; };
const auto subtract = [](Vec a, Vec b) { return a - b; };
const auto multiply = [](Vec a, Vec b) { return a * b; };
const auto divide = [](Vec a, Vec b) { return a / b; };
const auto add_relu = [](Vec a, Vec b) { return a + b <= Vec{} ? Vec{} : a + b; };

enum Step { one, next, any };

/// The operand of elements [i, i + n) of a run.
template <Step kStep>
static inline Vec operand(const float* p, std::int64_t step, std::int64_t i, int n) {
  if (kStep == one) return splat(*p);
  if (kStep == next) return n == kLanes ? load(p + i) : load_part(p + i, n);
  Vec v{};
  for (int j = 0; j < n; ++j) v[j] = p[(i + j) * step];
  return v;
}

template <auto kOperation, Step kStepA, Step kStepB>
void runs_of(const BinaryTask& t) {
  const float *a = t.a, *b = t.b;
  float* c = t.c;
  for (std::int64_t run = 0; run < t.runs; ++run, a += t.a_run, b += t.b_run, c += t.c_run) {
    std::int64_t i = 0;
    for (; i + kLanes <= t.n; i += kLanes) {
      store(c + i, kOperation(operand<kStepA>(a, t.a_step, i, kLanes), operand<kStepB>(b, t.b_step, i, kLanes)));
    }
    const int rest = static_cast<int>(t.n - i);
    if (rest > 0) store_part(c + i, rest, kOperation(operand<kStepA>(a, t.a_step, i, rest), operand<kStepB>(b, t.b_step, i, rest)));
  }
}

template <auto kOperation>
void binary(const BinaryTask& t) {
  if (t.a_step > 1 || t.b_step > 1) return runs_of<kOperation, any, any>(t);
  if (t.a_step == 1 && t.b_step == 1) return runs_of<kOperation, next, next>(t);
  if (t.a_step == 1) return runs_of<kOperation, next, one>(t);
  if (t.b_step == 1) return runs_of<kOperation, one, next>(t);
  runs_of<kOperation, one, one>(t);
}

static inline Vec masked(Vec dy, Vec y) { return y <= Vec{} ? Vec{} : dy; }

void add_relu_grad(const float* a, const float* b, const float* y, float* dx, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dx + i, masked(load(a + i) + load(b + i), load(y + i)));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(dx + i, rest, masked(load_part(a + i, rest) + load_part(b + i, rest), load_part(y + i, rest)));
}

}  // namespace

void add_eltwise(Simd& table);
void add_eltwise(Simd& table) {
  EltwiseBodies& bodies = table.eltwise;
  bodies.add = binary<add>;
  bodies.subtract = binary<subtract>;
  bodies.multiply = binary<multiply>;
  bodies.divide = binary<divide>;
  bodies.add_relu = binary<add_relu>;
  bodies.add_relu_grad = add_relu_grad;
}

}  // namespace n2d2::cpu::N2D2_ISA
