// The solvers' loop; the formulas stand in solvers/solver.h. Every element is computed by the same vector operations wherever a slice
// begins, so slices of lanes never change a bit.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/solvers/solver.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

using solvers::Form;
using solvers::Kind;
using solvers::UpdateArguments;

/// One vector of each array; `slots` in the order of the solver, without the sum.
struct Element {
  Vec weight, gradient, slot0, slot1;
};

static inline void sgd(const UpdateArguments& a, Element& e) {
  const Vec rate = splat(a.rate), momentum = splat(a.momentum);
  const Vec d = a.decay != 0.0F ? e.gradient + splat(a.decay) * e.weight : e.gradient;
  if (a.momentum == 0.0F) {
    e.weight -= rate * d;
  } else if (a.form == Form::torch) {
    e.slot0 = momentum * e.slot0 + d;
    e.weight -= rate * (a.nesterov ? d + momentum * e.slot0 : e.slot0);
  } else {
    e.slot0 = momentum * e.slot0 + rate * d;
    e.weight -= a.nesterov ? momentum * e.slot0 + rate * d : e.slot0;
  }
}

static inline void adam(const UpdateArguments& a, Element& e) {
  e.slot0 += splat(a.beta1_rest) * (e.gradient - e.slot0);
  e.slot1 += splat(a.beta2_rest) * (e.gradient * e.gradient - e.slot1);
  e.weight -= splat(a.step) * e.slot0 / (sqrt(e.slot1) * splat(a.second_scale) + splat(a.epsilon));
}

static inline void apply(const UpdateArguments& a, Element& e) {
  a.kind == Kind::sgd ? sgd(a, e) : adam(a, e);
  const Vec low = splat(a.clamp_low), high = splat(a.clamp_high);
  e.weight = e.weight < low ? low : e.weight;  // NaN stays
  e.weight = e.weight > high ? high : e.weight;
}

/// Loads and stores whole vectors, or the first `count` elements of one.
struct Whole {
  static inline Vec get(const float* p, int) { return load(p); }
  static inline void put(float* p, int, Vec v) { store(p, v); }
};
struct Part {
  static inline Vec get(const float* p, int count) { return load_part(p, count); }
  static inline void put(float* p, int count, Vec v) { store_part(p, count, v); }
};

template <class Access>
static inline void step(const UpdateArguments& a, int own_slots, float* weights, const float* gradient, float* const* slots, std::int64_t i, int count) {
  Element e{};
  e.gradient = Access::get(gradient + i, count);
  if (a.sum_slot >= 0) {
    e.gradient += Access::get(slots[a.sum_slot] + i, count);
    Access::put(slots[a.sum_slot] + i, count, a.apply ? Vec{} : e.gradient);
    if (!a.apply) return;
  }
  if (a.gradient_scale != 1.0F) e.gradient *= splat(a.gradient_scale);
  e.weight = Access::get(weights + i, count);
  if (own_slots > 0) e.slot0 = Access::get(slots[0] + i, count);
  if (own_slots > 1) e.slot1 = Access::get(slots[1] + i, count);
  apply(a, e);
  if (own_slots > 0) Access::put(slots[0] + i, count, e.slot0);
  if (own_slots > 1) Access::put(slots[1] + i, count, e.slot1);
  Access::put(weights + i, count, e.weight);
}

void update(const UpdateArguments& a, float* weights, const float* gradient, float* const* slots, std::int64_t n) {
  const int own_slots = a.kind == Kind::adam ? 2 : (a.momentum != 0.0F ? 1 : 0);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) step<Whole>(a, own_slots, weights, gradient, slots, i, kLanes);
  if (i < n) step<Part>(a, own_slots, weights, gradient, slots, i, static_cast<int>(n - i));
}

}  // namespace

void add_update(Simd& table);
void add_update(Simd& table) { table.update = update; }

}  // namespace n2d2::cpu::N2D2_ISA
