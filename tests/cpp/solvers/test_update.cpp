// The solvers' loop of every instruction set against the same formulas in double, as the frameworks write them.
#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/solvers/adam.h"
#include "n2d2/solvers/sgd.h"

namespace n2d2::solvers {
namespace {

constexpr int kUpdates = 20;
constexpr std::int64_t kCount = 37;  // whole vectors and a rest for every instruction set

float value(std::int64_t i, int seed) { return static_cast<float>(std::sin(0.7 * static_cast<double>(i) + 1.3 * seed)); }

/// A parameter with its slots, updated by one solver.
struct Parameter {
  std::vector<float> weights, gradient;
  std::vector<std::vector<float>> slots;

  explicit Parameter(const Solver& solver) : weights(kCount), gradient(kCount), slots(static_cast<std::size_t>(solver.slots())) {
    for (std::int64_t i = 0; i < kCount; ++i) weights[static_cast<std::size_t>(i)] = value(i, 0);
    for (auto& slot : slots) slot.assign(kCount, 0.0F);
  }
  void set_gradient(int step) {
    for (std::int64_t i = 0; i < kCount; ++i) gradient[static_cast<std::size_t>(i)] = value(i, step + 1);
  }
  /// `cut`: the elements before it and the rest are updated by two calls, as two lanes would.
  void update(const cpu::Simd& simd, const UpdateArguments& arguments, std::int64_t cut = 0) {
    for (const auto& [begin, end] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, kCount}}) {
      std::array<float*, 3> parts{};
      for (std::size_t s = 0; s < slots.size(); ++s) parts[s] = slots[s].data() + begin;
      simd.update(arguments, weights.data() + begin, gradient.data() + begin, parts.data(), end - begin);
    }
  }
};

std::vector<const cpu::Simd*> tables() {
  std::vector<const cpu::Simd*> found;
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (const cpu::Simd* table = cpu::simd_of(isa)) found.push_back(table);
  }
  return found;
}

/// The rate changes twice, as a user's schedule would change it.
double rate_at(int step) { return step < 7 ? 0.05 : step < 13 ? 0.02 : 0.1; }

/// One element in double: w, then the state of the framework's own formula.
struct Reference {
  double w, v = 0, m = 0;
};

/// Updates by `solver` on each instruction set, checked after every step against `formula(reference, gradient, rate, t)`.
template <class Formula>
void compare(const Solver& prototype, const Formula& formula) {
  for (const cpu::Simd* simd : tables()) {
    CAPTURE(simd->isa);
    const auto solver = prototype.clone();
    Parameter parameter(*solver), cut(*solver);
    std::vector<Reference> references;
    for (const float w : parameter.weights) references.push_back({w});
    for (int step = 0; step < kUpdates; ++step) {
      CAPTURE(step);
      parameter.set_gradient(step);
      cut.set_gradient(step);
      solver->set_learning_rate(rate_at(step));
      const UpdateArguments arguments = solver->next(8);
      parameter.update(*simd, arguments);
      cut.update(*simd, arguments, 16);
      double worst = 0;
      for (std::size_t i = 0; i < references.size(); ++i) {
        formula(references[i], static_cast<double>(parameter.gradient[i]), rate_at(step), step + 1);
        worst = std::max(worst, std::abs(references[i].w - static_cast<double>(parameter.weights[i])));
      }
      CHECK(worst < 4e-6);  // twenty roundings of numbers around 2
      CHECK(cut.weights == parameter.weights);
    }
  }
}

TEST_CASE("SGD, n2d2: v = m v + lr (g + decay w); w -= v") {
  compare(Sgd({}), [](Reference& r, double g, double lr, int) { r.w -= lr * g; });
  for (const bool nesterov : {false, true}) {
    compare(Sgd({.momentum = 0.9, .nesterov = nesterov, .decay = 0.01}), [&](Reference& r, double g, double lr, int) {
      const double d = lr * (g + 0.01 * r.w);
      r.v = 0.9 * r.v + d;
      r.w -= nesterov ? 0.9 * r.v + d : r.v;
    });
  }
}

TEST_CASE("SGD, torch: the rate stands outside the velocity") {
  compare(Sgd({.decay = 0.01, .form = Form::torch}), [](Reference& r, double g, double lr, int) { r.w -= lr * (g + 0.01 * r.w); });
  for (const bool nesterov : {false, true}) {
    compare(Sgd({.momentum = 0.9, .nesterov = nesterov, .decay = 0.01, .form = Form::torch}), [&](Reference& r, double g, double lr, int) {
      const double d = g + 0.01 * r.w;
      r.v = 0.9 * r.v + d;
      r.w -= lr * (nesterov ? d + 0.9 * r.v : r.v);
    });
  }
}

TEST_CASE("SGD, keras: m = m momentum - lr g; w += m; weight decay apart") {
  for (const bool nesterov : {false, true}) {
    compare(Sgd({.momentum = 0.9, .nesterov = nesterov, .decay = 0.01, .form = Form::keras}), [&](Reference& r, double g, double lr, int) {
      r.w -= r.w * 0.01 * lr;
      r.m = 0.9 * r.m - lr * g;
      r.w += nesterov ? 0.9 * r.m - lr * g : r.m;
    });
  }
}

TEST_CASE("Adam, n2d2 and torch: both moments corrected, epsilon outside the correction") {
  for (const Form form : {Form::n2d2, Form::torch}) {
    for (const bool decoupled : {false, true}) {
      compare(Adam({.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .decay = 0.01, .decoupled_decay = decoupled, .form = form}),
              [&](Reference& r, double g, double lr, int t) {
                if (decoupled)
                  r.w *= 1 - lr * 0.01;
                else
                  g += 0.01 * r.w;
                r.m = 0.8 * r.m + 0.2 * g;
                r.v = 0.95 * r.v + 0.05 * g * g;
                const double m = r.m / (1 - std::pow(0.8, t)), v = r.v / (1 - std::pow(0.95, t));
                r.w -= lr * m / (std::sqrt(v) + 1e-3);
              });
    }
  }
}

TEST_CASE("Adam, keras: epsilon beside the uncorrected root") {
  compare(Adam({.beta1 = 0.8, .beta2 = 0.95, .epsilon = 1e-3, .decay = 0.01, .form = Form::keras}),
          [](Reference& r, double g, double lr, int t) {
            r.w -= r.w * 0.01 * lr;
            const double alpha = lr * std::sqrt(1 - std::pow(0.95, t)) / (1 - std::pow(0.8, t));
            r.m += (g - r.m) * 0.2;
            r.v += (g * g - r.v) * 0.05;
            r.w -= r.m * alpha / (std::sqrt(r.v) + 1e-3);
          });
}

TEST_CASE("iteration_size: three gradients make one update of their mean, and the sum starts anew") {
  for (const cpu::Simd* simd : tables()) {
    CAPTURE(simd->isa);
    Sgd summing({.learning_rate = 0.5, .momentum = 0.5, .iteration_size = 3}), plain({.learning_rate = 0.5, .momentum = 0.5});
    Parameter parameter(summing), expected(plain);
    for (int update = 0; update < 3; ++update) {
      const std::vector<float> before = parameter.weights;
      for (int pass = 0; pass < 3; ++pass) {
        CHECK(parameter.weights == before);
        parameter.set_gradient(3 * update + pass);
        parameter.update(*simd, summing.next(8));
      }
      for (std::size_t i = 0; i < kCount; ++i) {
        const auto at = static_cast<std::int64_t>(i);
        expected.gradient[i] = (value(at, 3 * update + 1) + value(at, 3 * update + 2) + value(at, 3 * update + 3)) / 3.0F;
      }
      expected.update(*simd, plain.next(24));
      for (std::size_t i = 0; i < kCount; ++i) CHECK(parameter.weights[i] == doctest::Approx(expected.weights[i]).epsilon(1e-5));
      CHECK(parameter.slots[1] == std::vector<float>(kCount, 0.0F));
    }
  }
}

TEST_CASE("clamping bounds the weights, NaN stays visible") {
  for (const cpu::Simd* simd : tables()) {
    CAPTURE(simd->isa);
    Sgd sgd({.learning_rate = 1, .clamping = "-0.5:0.25"});
    Parameter parameter(sgd);
    parameter.weights[0] = std::numeric_limits<float>::quiet_NaN();
    parameter.set_gradient(0);
    parameter.update(*simd, sgd.next(1));
    CHECK(std::isnan(parameter.weights[0]));
    for (std::size_t i = 1; i < kCount; ++i) {
      const auto at = static_cast<std::int64_t>(i);
      CHECK(parameter.weights[i] == std::min(0.25F, std::max(-0.5F, value(at, 0) - value(at, 1))));
    }
    Sgd from_below({.learning_rate = 1, .clamping = "0:"});
    CHECK(from_below.next(1).clamp_low == 0.0F);
    CHECK(from_below.next(1).clamp_high == std::numeric_limits<float>::infinity());
  }
}

}  // namespace
}  // namespace n2d2::solvers
