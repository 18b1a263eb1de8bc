// Functions of one variable of every instruction set against double, in units of the last place.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/kernels/bodies.h"

namespace n2d2::cpu {
namespace {

/// Distance in units of the last place of the expected float.
double units(float found, double expected) {
  const auto rounded = static_cast<float>(expected);
  const float next = std::nextafter(std::abs(rounded), std::numeric_limits<float>::infinity());
  return std::abs(static_cast<double>(found) - expected) / (static_cast<double>(next) - std::abs(static_cast<double>(rounded)));
}

struct Function {
  const char* op;
  double (*exact)(double x);
  float least, most;  ///< of |x|
  bool negative;      ///< also -x
  double units;
};

const Function kFunctions[] = {
    {"Exp", [](double x) { return std::exp(x); }, 1e-6F, 87.0F, true, 2.0},
    {"Expm1", [](double x) { return std::expm1(x); }, 1e-6F, 88.0F, true, 2.0},
    {"Log", [](double x) { return std::log(x); }, 1.2e-38F, 3e38F, false, 1.5},
    {"Log1p", [](double x) { return std::log1p(x); }, 1e-6F, 3e38F, false, 2.5},
    {"Erf", [](double x) { return std::erf(x); }, 1e-6F, 10.0F, true, 2.0},
    {"Tanh", [](double x) { return std::tanh(x); }, 1e-6F, 80.0F, true, 2.5},
    {"Sigmoid", [](double x) { return 1.0 / (1.0 + std::exp(-x)); }, 1e-6F, 80.0F, true, 2.5},
    {"Softplus", [](double x) { return std::log1p(std::exp(x)); }, 1e-6F, 80.0F, true, 3.0},
    {"Sqrt", [](double x) { return std::sqrt(x); }, 1.2e-38F, 3e38F, false, 0.6},
    {"Swish", [](double x) { return x / (1.0 + std::exp(-x)); }, 1e-6F, 80.0F, true, 3.0},
    {"Mish", [](double x) { return x * std::tanh(std::log1p(std::exp(x))); }, 1e-6F, 80.0F, true, 6.0},
};

}  // namespace

TEST_CASE("functions are exact to a few units in the last place") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    for (const Function& function : kFunctions) {
      CAPTURE(std::string(isa));
      CAPTURE(std::string(function.op));
      std::vector<float> x;
      for (float size = function.least; size < function.most; size *= 1.0007F) {
        x.push_back(size);
        if (function.negative) x.push_back(-size);
      }
      std::vector<float> y(x.size());
      const float numbers[UnaryBody::kNumbers] = {1.0F};
      body_of(table->unary, function.op).value(x.data(), y.data(), static_cast<std::int64_t>(x.size()), numbers);
      double worst = 0;
      float where = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double found = units(y[i], function.exact(static_cast<double>(x[i])));
        if (found > worst) where = x[i];
        worst = std::max(worst, found);
      }
      CAPTURE(where);
      CHECK(worst < function.units);
    }
  }
}

TEST_CASE("sine and cosine are exact to 2e-7, also far out, and whole numbers are found") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    CAPTURE(std::string(isa));
    std::vector<float> x;
    for (float size = 1e-6F; size < 1e9F; size *= 1.0003F) {
      x.push_back(size);
      x.push_back(-size);
    }
    std::vector<float> sin(x.size()), cos(x.size()), whole(x.size());
    const auto n = static_cast<std::int64_t>(x.size());
    const float numbers[UnaryBody::kNumbers] = {};
    body_of(table->unary, "Sin").value(x.data(), sin.data(), n, numbers);
    body_of(table->unary, "Cos").value(x.data(), cos.data(), n, numbers);
    body_of(table->unary, "Round").value(x.data(), whole.data(), n, numbers);
    double worst = 0;
    bool all_whole = true;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto exact = static_cast<double>(x[i]);
      worst = std::max(
          {worst, std::abs(static_cast<double>(sin[i]) - std::sin(exact)), std::abs(static_cast<double>(cos[i]) - std::cos(exact))});
      all_whole = all_whole && whole[i] == std::nearbyint(x[i]);
    }
    CHECK(worst < 2e-7);
    CHECK(all_whole);
  }
}

}  // namespace n2d2::cpu
