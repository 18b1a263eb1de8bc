// Elementwise operators, softmax and losses of every instruction set against double.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "n2d2/backends/cpu/kernels/bodies.h"

namespace n2d2::cpu {
namespace {

constexpr float kNone[UnaryBody::kNumbers] = {};

std::vector<const Simd*> tables() {
  std::vector<const Simd*> found;
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (const Simd* table = simd_of(isa)) found.push_back(table);
  }
  return found;
}

}  // namespace

TEST_CASE("functions of infinities and NaN") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const Simd* table : tables()) {
    CAPTURE(table->isa);
    const float x[4] = {kInfinity, -kInfinity, std::numeric_limits<float>::quiet_NaN(), -0.0F};
    float y[4];
    body_of(table->unary, "Tanh").value(x, y, 4, kNone);
    CHECK(y[0] == 1.0F);
    CHECK(y[1] == -1.0F);
    CHECK(std::isnan(y[2]));
    CHECK(std::signbit(y[3]));
    body_of(table->unary, "Sigmoid").value(x, y, 4, kNone);
    CHECK(y[0] == 1.0F);
    CHECK(y[1] == 0.0F);
    CHECK(std::isnan(y[2]));
    body_of(table->unary, "Relu").value(x, y, 4, kNone);
    CHECK(y[0] == kInfinity);
    CHECK(y[1] == 0.0F);
    CHECK(std::isnan(y[2]));
  }
}

TEST_CASE("binary operators with steps of one, none and more") {
  for (const Simd* table : tables()) {
    for (const std::int64_t n : {1, 3, 8, 16, 21, 64}) {
      for (const std::int64_t a_step : {0, 1, 3}) {
        for (const std::int64_t b_step : {0, 1, 3}) {
          CAPTURE(table->isa);
          CAPTURE(n);
          const std::int64_t runs = 3;
          std::vector<float> a(static_cast<std::size_t>((n - 1) * a_step + runs)), b(static_cast<std::size_t>((n - 1) * b_step + 1));
          for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3.0F;
          for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5) - 1.5F;
          std::vector<float> sum(static_cast<std::size_t>(n * runs)), quotient(sum.size()), joined(sum.size());
          BinaryTask task{.a = a.data(),
                          .b = b.data(),
                          .c = sum.data(),
                          .n = n,
                          .a_step = a_step,
                          .b_step = b_step,
                          .runs = runs,
                          .a_run = 1,
                          .b_run = 0,
                          .c_run = n};
          body_of(table->binary, "Add").run(task);
          task.c = quotient.data();
          body_of(table->binary, "Div").run(task);
          task.c = joined.data();
          body_of(table->binary, "AddRelu").run(task);
          for (std::int64_t i = 0; i < n * runs; ++i) {
            const auto at = static_cast<std::size_t>(i);
            const float left = a[static_cast<std::size_t>(i / n + i % n * a_step)], right = b[static_cast<std::size_t>(i % n * b_step)];
            CHECK(sum[at] == left + right);
            CHECK(quotient[at] == left / right);
            CHECK(joined[at] == std::max(left + right, 0.0F));
          }
        }
      }
    }
  }
}

TEST_CASE("the gradient of the cross entropy keeps its digits where a class is nearly sure") {
  for (const Simd* table : tables()) {
    CAPTURE(table->isa);
    for (const std::int64_t classes : {2, 10, 16, 37}) {
      std::vector<float> scores(static_cast<std::size_t>(classes)), targets(scores.size()), by_class(scores.size()),
          by_target(scores.size());
      for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = 0.1F * static_cast<float>(i);
      const std::int64_t label = 1;
      scores[1] = 14.0F;
      targets[1] = 1.0F;
      CrossEntropyTask task{
          .scores = scores.data(), .classes_of = &label, .rows = 1, .classes = classes, .scale = 0.5, .dx = by_class.data()};
      table->softmax.cross_entropy_grad(task);
      const double loss = table->softmax.cross_entropy(task);
      task.classes_of = nullptr;
      task.targets = targets.data();
      task.dx = by_target.data();
      table->softmax.cross_entropy_grad(task);
      double others = 0;
      for (std::size_t i = 0; i < scores.size(); ++i) others += i == 1 ? 0.0 : std::exp(static_cast<double>(scores[i]) - 14.0);
      CHECK(loss == doctest::Approx(std::log1p(others)).epsilon(1e-6));
      CHECK(table->softmax.cross_entropy(task) == doctest::Approx(std::log1p(others)).epsilon(1e-6));
      for (const auto& dx : {by_class, by_target}) {
        CHECK(static_cast<double>(dx[1]) == doctest::Approx(-0.5 * others / (1.0 + others)).epsilon(1e-6));
        CHECK(static_cast<double>(dx[0]) == doctest::Approx(0.5 * std::exp(-14.0) / (1.0 + others)).epsilon(1e-6));
      }
    }
  }
}

}  // namespace n2d2::cpu
