// Elementwise operators: vectors of neighbours.
#include "n2d2/backends/cpu/simd/exp.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

const auto relu = [](Vec x, Vec) { return x <= Vec{} ? Vec{} : x; };  // NaN passes
const auto leaky_relu = [](Vec x, Vec alpha) { return x > Vec{} ? x : alpha * x; };
const auto sigmoid = [](Vec x, Vec) { return 1.0F / (1.0F + exp(-x)); };

const auto tanh = [](Vec x, Vec) {
  const VecInt sign = reinterpret_cast<VecInt>(x) & static_cast<std::int32_t>(0x80000000U);
  Vec size = reinterpret_cast<Vec>(reinterpret_cast<VecInt>(x) ^ sign);
  size = size > 10.0F ? splat(10.0F) : size;  // 1 from 9.02 on
  const ExpParts parts = exp_parts(size + size);
  const Vec power = power_of_two(parts.n);
  const Vec above_one = fma(power, parts.rest, power - 1.0F);  // exp(2 |x|) - 1, all digits of a small one
  const Vec y = above_one / (above_one + 2.0F);
  return reinterpret_cast<Vec>(reinterpret_cast<VecInt>(y) | sign);
};

const auto relu_grad = [](Vec dy, Vec y, Vec) { return y <= Vec{} ? Vec{} : dy; };
const auto leaky_relu_grad = [](Vec dy, Vec x, Vec alpha) { return x > Vec{} ? dy : alpha * dy; };
const auto sigmoid_grad = [](Vec dy, Vec y, Vec) { return dy * y * (1.0F - y); };
const auto tanh_grad = [](Vec dy, Vec y, Vec) { return dy * (1.0F - y * y); };

const auto add = [](Vec a, Vec b) { return a + b; };
const auto subtract = [](Vec a, Vec b) { return a - b; };
const auto multiply = [](Vec a, Vec b) { return a * b; };
const auto divide = [](Vec a, Vec b) { return a / b; };
const auto add_relu = [](Vec a, Vec b) { return a + b <= Vec{} ? Vec{} : a + b; };

template <auto kOperation>
void unary(const float* x, float* y, std::int64_t n, float alpha) {
  const Vec parameter = splat(alpha);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, kOperation(load(x + i), parameter));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(y + i, rest, kOperation(load_part(x + i, rest), parameter));
}

template <auto kOperation>
void gradient(const float* dy, const float* saved, float* dx, std::int64_t n, float alpha) {
  const Vec parameter = splat(alpha);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dx + i, kOperation(load(dy + i), load(saved + i), parameter));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(dx + i, rest, kOperation(load_part(dy + i, rest), load_part(saved + i, rest), parameter));
}

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

void add_relu_grad(const float* a, const float* b, const float* y, float* dx, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dx + i, relu_grad(load(a + i) + load(b + i), load(y + i), Vec{}));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(dx + i, rest, relu_grad(load_part(a + i, rest) + load_part(b + i, rest), load_part(y + i, rest), Vec{}));
}

}  // namespace

void add_eltwise(Simd& table);
void add_eltwise(Simd& table) {
  EltwiseBodies& bodies = table.eltwise;
  bodies.relu = unary<relu>;
  bodies.leaky_relu = unary<leaky_relu>;
  bodies.sigmoid = unary<sigmoid>;
  bodies.tanh = unary<tanh>;
  bodies.relu_grad = gradient<relu_grad>;
  bodies.leaky_relu_grad = gradient<leaky_relu_grad>;
  bodies.sigmoid_grad = gradient<sigmoid_grad>;
  bodies.tanh_grad = gradient<tanh_grad>;
  bodies.add = binary<add>;
  bodies.subtract = binary<subtract>;
  bodies.multiply = binary<multiply>;
  bodies.divide = binary<divide>;
  bodies.add_relu = binary<add_relu>;
  bodies.add_relu_grad = add_relu_grad;
}

}  // namespace n2d2::cpu::N2D2_ISA
