// The solvers' loop; the formulas stand in solvers/solver.h. Every element is computed by the same vector operations wherever a slice
// begins, so slices of lanes never change a bit.
#include <limits>

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

/// A product rounded before it joins a sum: keeps the compiler from fusing the two where the framework does not.
static inline Vec rounded(Vec v) {
  asm("" : "+x"(v));
  return v;
}

static inline void sgd(const UpdateArguments& a, Element& e) {
  const Vec rate = splat(a.rate), momentum = splat(a.momentum), g = e.gradient;
  if (a.form == Form::torch) {
    if (a.momentum != 0.0F) e.slot0 = rounded(momentum * e.slot0) + g;
    const Vec direction = a.momentum == 0.0F ? g : a.nesterov ? fma(momentum, e.slot0, g) : e.slot0;
    e.weight = fma(-rate, direction, e.weight);
    return;
  }
  const Vec move = rounded(rate * g);
  if (a.momentum != 0.0F) e.slot0 = rounded(momentum * e.slot0) + move;
  e.weight -= a.momentum == 0.0F ? move : a.nesterov ? rounded(momentum * e.slot0) + move : e.slot0;
}

static inline void adam(const UpdateArguments& a, Element& e) {
  const Vec rest1 = splat(a.beta1_rest), rest2 = splat(a.beta2_rest), g = e.gradient;
  if (a.form == Form::keras) {
    e.slot0 += rounded(rest1 * (g - e.slot0));
    e.slot1 += rounded(rest2 * (rounded(g * g) - e.slot1));
  } else {
    e.slot0 = fma(rest1, g - e.slot0, e.slot0);
    e.slot1 = fma(rounded(rest2 * g), g, rounded(splat(a.beta2) * e.slot1));
  }
  const Vec root = rounded(sqrt(e.slot1) * splat(a.second_scale));
  e.weight -= splat(a.step) * e.slot0 / (root + splat(a.epsilon));
}

static inline void rmsprop(const UpdateArguments& a, Element& e) {
  const Vec rate = splat(a.rate), epsilon = splat(a.epsilon), g = e.gradient;
  e.slot0 = rounded(splat(a.beta2) * e.slot0) + rounded(splat(a.beta2_rest) * rounded(g * g));
  const Vec root = a.form == Form::keras ? sqrt(e.slot0 + epsilon) : sqrt(e.slot0) + epsilon;
  const bool rate_last = a.form == Form::torch;
  Vec move = rate_last ? g / root : rounded(rate * g) / root;
  if (a.momentum != 0.0F) move = e.slot1 = rounded(splat(a.momentum) * e.slot1) + move;
  e.weight -= rate_last ? rounded(rate * move) : move;
}

/// `plain`: no decay and no clamping.
template <Kind kind, bool plain>
static inline void apply(const UpdateArguments& a, Element& e) {
  if (!plain && a.keep != 1.0F) e.weight = rounded(e.weight * splat(a.keep));
  if (!plain && a.decay != 0.0F) e.gradient = fma(splat(a.decay), e.weight, e.gradient);
  if constexpr (kind == Kind::sgd) sgd(a, e);
  if constexpr (kind == Kind::adam) adam(a, e);
  if constexpr (kind == Kind::rmsprop) rmsprop(a, e);
  if (plain) return;
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

template <class Access, Kind kind, bool plain>
static inline void step(const UpdateArguments& a, int own_slots, float* weights, const float* gradient, float* const* slots, std::int64_t i,
                        int count) {
  Element e{};
  e.gradient = Access::get(gradient + i, count);
  if (!plain && a.sum_slot >= 0) {
    e.gradient += Access::get(slots[a.sum_slot] + i, count);
    Access::put(slots[a.sum_slot] + i, count, a.apply ? Vec{} : e.gradient);
  }
  if (!plain && !a.apply) return;
  if (!plain && a.gradient_scale != 1.0F) e.gradient *= splat(a.gradient_scale);
  e.weight = Access::get(weights + i, count);
  if (own_slots > 0) e.slot0 = Access::get(slots[0] + i, count);
  if (own_slots > 1) e.slot1 = Access::get(slots[1] + i, count);
  apply<kind, plain>(a, e);
  if (own_slots > 0) Access::put(slots[0] + i, count, e.slot0);
  if (own_slots > 1) Access::put(slots[1] + i, count, e.slot1);
  Access::put(weights + i, count, e.weight);
}

/// The arguments come by value: no store can change them, so what they decide is decided outside the loop.
template <Kind kind, bool plain>
void loop(const UpdateArguments a, float* weights, const float* gradient, float* const* slots, std::int64_t n) {
  const int own_slots = (kind == Kind::adam ? 2 : kind == Kind::rmsprop ? 1 : 0) + (kind != Kind::adam && a.momentum != 0.0F ? 1 : 0);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) step<Whole, kind, plain>(a, own_slots, weights, gradient, slots, i, kLanes);
  if (i < n) step<Part, kind, plain>(a, own_slots, weights, gradient, slots, i, static_cast<int>(n - i));
}

template <Kind kind>
void update_by(const UpdateArguments& a, float* weights, const float* gradient, float* const* slots, std::int64_t n) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool plain = a.keep == 1.0F && a.decay == 0.0F && a.sum_slot < 0 && a.apply && a.gradient_scale == 1.0F &&
                     a.clamp_low == -kInfinity && a.clamp_high == kInfinity;
  plain ? loop<kind, true>(a, weights, gradient, slots, n) : loop<kind, false>(a, weights, gradient, slots, n);
}

void update(const UpdateArguments& a, float* weights, const float* gradient, float* const* slots, std::int64_t n) {
  switch (a.kind) {
    case Kind::sgd:
      return update_by<Kind::sgd>(a, weights, gradient, slots, n);
    case Kind::adam:
      return update_by<Kind::adam>(a, weights, gradient, slots, n);
    case Kind::rmsprop:
      return update_by<Kind::rmsprop>(a, weights, gradient, slots, n);
  }
}

}  // namespace

void add_update(Simd& table);
void add_update(Simd& table) { table.update = update; }

}  // namespace n2d2::cpu::N2D2_ISA
