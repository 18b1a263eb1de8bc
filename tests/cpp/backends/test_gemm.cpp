// Matrix products of every instruction set against a double loop, for sizes around the tiles' edges.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/error.h"

namespace n2d2::cpu {
namespace {

constexpr float kCanary = 12345.0F;

/// Numbers from -1 to 1 without a pattern: rounding errors of a pattern would add up instead of cancelling.
std::vector<float> numbers(std::int64_t n, std::uint32_t seed) {
  std::vector<float> all(static_cast<std::size_t>(n));
  std::mt19937 random(seed);
  for (float& number : all) number = static_cast<float>(static_cast<double>(random()) / 2147483648.0 - 1.0);
  return all;
}

std::vector<const Simd*> tables() {
  std::vector<const Simd*> found;
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (const Simd* table = simd_of(isa)) found.push_back(table);
  }
  return found;
}

/// A product with operands of exactly the size it may read, so that a sanitizer sees whatever lies behind them.
struct Case {
  GemmTask task;
  std::vector<float> a, b, c, y, scratch, panels;

  Case(std::int64_t m, std::int64_t n, std::int64_t k, bool trans_a, bool trans_b) : a(numbers(m * k, 1)), b(numbers(k * n, 2)) {
    task = {.m = m, .n = n, .k = k};
    task.a = a.data();
    task.a_m = trans_a ? 1 : k;
    task.a_k = trans_a ? m : 1;
    task.b = b.data();
    task.b_k = trans_b ? 1 : n;
    task.b_n = trans_b ? k : 1;
  }
  void set_c(std::int64_t floats, std::int64_t c_m, std::int64_t c_n, float alpha, float beta) {
    c = numbers(floats, 3);
    task.c = c.data();
    task.c_m = c_m;
    task.c_n = c_n;
    task.alpha = alpha;
    task.beta = beta;
  }
  struct Expected {
    double sum;
    double terms;  ///< sum of the absolute terms: the scale of rounding errors
  };
  std::vector<Expected> expected() const {
    std::vector<Expected> all;
    for (std::int64_t i = 0; i < task.m; ++i) {
      for (std::int64_t j = 0; j < task.n; ++j) {
        Expected element{0, 0};
        const auto add = [&element](double term) {
          element.sum += term;
          element.terms += std::abs(term);
        };
        for (std::int64_t k = 0; k < task.k; ++k) {
          add(static_cast<double>(task.alpha) * task.a[i * task.a_m + k * task.a_k] * task.b[k * task.b_k + j * task.b_n]);
        }
        if (task.c != nullptr) add(static_cast<double>(task.beta) * task.c[i * task.c_m + j * task.c_n]);
        all.push_back(element);
      }
    }
    return all;
  }
  /// Y in rows of n floats, with a canary between the rows.
  std::vector<float> run(const GemmBodies& gemm, bool packed, bool dot = false) {
    y.assign(static_cast<std::size_t>(task.m * (task.n + 1)), kCanary);
    task.y = y.data();
    task.y_m = task.n + 1;
    scratch.assign(static_cast<std::size_t>(gemm.scratch_floats(task.m, task.k)), kCanary);
    task.scratch = scratch.data();
    task.panels = nullptr;
    if (packed) {
      task.scratch = nullptr;
      panels.assign(static_cast<std::size_t>(gemm.packed_floats(task.k, task.n)), kCanary);
      gemm.pack(task.b, task.b_k, task.b_n, task.k, task.n, panels.data());
      task.panels = panels.data();
    }
    (dot ? gemm.dot : gemm.run)(task);
    std::vector<float> rows;
    for (std::int64_t i = 0; i < task.m; ++i) {
      const auto row = y.begin() + i * task.y_m;
      rows.insert(rows.end(), row, row + task.n);
      CHECK(*(row + task.n) == kCanary);
    }
    return rows;
  }
};

void check_close(const std::vector<float>& found, const std::vector<Case::Expected>& expected) {
  REQUIRE(found.size() == expected.size());
  double worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    worst = std::max(worst, std::abs(found[i] - expected[i].sum) / std::max(expected[i].terms, 1e-3));
  }
  CHECK(worst <= 1e-6);
}

template <class Body>
void for_all_sizes(Body body) {
  for (const Simd* simd : tables()) {
    for (const std::int64_t m : {1, 5, 8, 13, 33}) {
      for (const std::int64_t n : {1, 3, 16, 37, 64, 130}) {
        for (const std::int64_t k : {0, 1, 7, 8, 513}) {
          CAPTURE(std::string(simd->isa));
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          body(*simd, m, n, k);
        }
      }
    }
  }
}

TEST_CASE("products of all transpositions and sizes") {
  for_all_sizes([](const Simd& simd, std::int64_t m, std::int64_t n, std::int64_t k) {
    for (const int trans : {0, 1, 2, 3}) {
      CAPTURE(trans);
      Case product(m, n, k, (trans & 1) != 0, (trans & 2) != 0);
      const std::vector<float> plain = product.run(simd.gemm, false);
      check_close(plain, product.expected());
      CHECK(product.run(simd.gemm, true) == plain);
    }
  });
}

TEST_CASE("many rows: B read where it lies, up to the distance of rows from which it is copied, and beyond") {
  for (const Simd* simd : tables()) {
    for (const std::int64_t n : {64, 112, 128, 144}) {
      CAPTURE(std::string(simd->isa));
      CAPTURE(n);
      Case product(40, n, 70, true, false);
      const std::vector<float> plain = product.run(simd->gemm, false);
      check_close(plain, product.expected());
      CHECK(product.run(simd->gemm, true) == plain);
    }
  }
}

TEST_CASE("rows of A that are packed, in more than one block") {
  for (const Simd* simd : tables()) {
    for (const std::int64_t m : {130, 200}) {
      for (const std::int64_t n : {40, 70}) {
        for (const std::int64_t k : {3, 300}) {
          CAPTURE(std::string(simd->isa));
          CAPTURE(m);
          CAPTURE(n);
          CAPTURE(k);
          Case product(m, n, k, true, false);
          const std::vector<float> plain = product.run(simd->gemm, false);
          check_close(plain, product.expected());
          CHECK(product.run(simd->gemm, true) == plain);
        }
      }
    }
  }
}

TEST_CASE("C is broadcast and scaled") {
  for_all_sizes([](const Simd& simd, std::int64_t m, std::int64_t n, std::int64_t k) {
    for (const float alpha : {1.0F, 0.5F}) {
      for (const float beta : {1.0F, -2.0F}) {
        CAPTURE(alpha);
        CAPTURE(beta);
        const struct {
          std::int64_t floats, c_m, c_n;
        } shapes[] = {{1, 0, 0}, {n, 0, 1}, {m, 1, 0}, {m * n, n, 1}, {m * n, 1, m}};
        for (const auto& shape : shapes) {
          Case product(m, n, k, false, false);
          product.set_c(shape.floats, shape.c_m, shape.c_n, alpha, beta);
          check_close(product.run(simd.gemm, false), product.expected());
        }
      }
    }
  });
}

TEST_CASE("scalar products give what tiles give, up to rounding") {
  for_all_sizes([](const Simd& simd, std::int64_t m, std::int64_t n, std::int64_t k) {
    Case product(m, n, k, false, true);
    product.set_c(n, 0, 1, 0.5F, 2.0F);
    check_close(product.run(simd.gemm, false, true), product.expected());
  });
}

TEST_CASE("the bits of a row do not depend on the rows computed with it") {
  for (const Simd* simd : tables()) {
    for (const bool dot : {false, true}) {
      CAPTURE(std::string(simd->isa));
      CAPTURE(dot);
      Case whole(45, 70, 600, false, true);
      const std::vector<float> all = whole.run(simd->gemm, false, dot);
      for (const std::int64_t first : {0, 3, 44}) {
        Case one(1, 70, 600, false, true);
        one.task.a = whole.a.data() + first * 600;
        const std::vector<float> row = one.run(simd->gemm, false, dot);
        CHECK(row == std::vector<float>(all.begin() + first * 70, all.begin() + (first + 1) * 70));
      }
    }
  }
}

TEST_CASE("an instruction set of an unknown name is refused") { CHECK_THROWS_AS(simd_of("sse9"), ValueError); }

}  // namespace
}  // namespace n2d2::cpu
