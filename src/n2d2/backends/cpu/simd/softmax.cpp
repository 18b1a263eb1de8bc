// Softmax and losses. Sums are kept in double: gradients are small differences of large numbers.
#include "n2d2/backends/cpu/simd/softmax.h"

#include "n2d2/backends/cpu/simd/exp.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec_double.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

float maximum(const float* x, std::int64_t n) {
  const Vec none = splat(-__builtin_inff());
  Vec most = none;
  for (std::int64_t i = 0; i < n; i += kLanes) most = max(most, load_filled(x + i, n - i, none));
  return largest(most);
}

/// Sum of exp(x - most), which are written to `terms` if there is one.
double exp_sum(const float* x, std::int64_t n, float most, float* terms) {
  const Vec none = splat(-__builtin_inff()), shift = splat(most);
  Doubles total{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Vec term = exp(load_filled(x + i, n - i, none) - shift);
    if (terms != nullptr) store_row(terms + i, n - i, term);
    const Doubles wide = widen(term);
    total.low += wide.low;
    total.high += wide.high;
  }
  return sum(total.low + total.high);
}

/// y = body(vectors of doubles of a and b), elementwise.
template <class Body>
static inline void map(const float* a, const float* b, float* y, std::int64_t n, const Body& body) {
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Doubles u = widen(load_row(a + i, n - i)), v = widen(load_row(b + i, n - i));
    store_row(y + i, n - i, narrow({body(u.low, v.low), body(u.high, v.high)}));
  }
}

/// Sum of body(vectors of doubles of a and b); body(0, 0) is 0.
template <class Body>
static inline double reduce(const float* a, const float* b, std::int64_t n, const Body& body) {
  Doubles total{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Doubles u = widen(load_row(a + i, n - i)), v = widen(load_row(b + i, n - i));
    total.low += body(u.low, v.low);
    total.high += body(u.high, v.high);
  }
  return sum(total.low + total.high);
}

/// Up to kLanes short rows, a lane each: transposed, so that nothing needs the sum of a vector.
struct Tile {
  static constexpr std::int64_t kMost = 32;
  float terms[kMost][kLanes];

  void read(const float* x, std::int64_t rows, std::int64_t n) {
    for (std::int64_t row = 0; row < kLanes; ++row) {
      const float* from = x + (row < rows ? row : 0) * n;
      for (std::int64_t i = 0; i < n; ++i) terms[i][row] = from[i];
    }
  }
  void write(float* y, std::int64_t rows, std::int64_t n) const {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t i = 0; i < n; ++i) y[row * n + i] = terms[i][row];
    }
  }
  Vec maximum(std::int64_t n) const {
    Vec most = load(terms[0]);
    for (std::int64_t i = 1; i < n; ++i) most = max(most, load(terms[i]));
    return most;
  }
  /// Puts exp(x - most) there and gives their sums.
  Doubles exp_sum(std::int64_t n, Vec most) {
    Doubles total{};
    for (std::int64_t i = 0; i < n; ++i) {
      const Vec term = exp(load(terms[i]) - most);
      store(terms[i], term);
      const Doubles wide = widen(term);
      total.low += wide.low;
      total.high += wide.high;
    }
    return total;
  }
  /// Each becomes body(itself, b), in doubles of the lower and the upper rows.
  template <class Body>
  void map(std::int64_t n, const Body& body) {
    for (std::int64_t i = 0; i < n; ++i) {
      const Doubles wide = widen(load(terms[i]));
      store(terms[i], narrow(body(wide, i)));
    }
  }
};

/// Calls body(tile, first row, rows in it) for tiles of x.
template <class Body>
static inline void each_tile(const float* x, std::int64_t rows, std::int64_t n, const Body& body) {
  Tile tile;
  for (std::int64_t row = 0; row < rows; row += kLanes) {
    const std::int64_t here = rows - row < kLanes ? rows - row : kLanes;
    tile.read(x + row * n, here, n);
    body(tile, row, here);
  }
}

void softmax(const float* x, float* y, std::int64_t rows, std::int64_t n) {
  if (n <= Tile::kMost) {
    return each_tile(x, rows, n, [&](Tile& tile, std::int64_t row, std::int64_t here) {
      const Doubles total = tile.exp_sum(n, tile.maximum(n)), factor = {1.0 / total.low, 1.0 / total.high};
      tile.map(n, [&](Doubles e, std::int64_t) { return Doubles{e.low * factor.low, e.high * factor.high}; });
      tile.write(y + row * n, here, n);
    });
  }
  for (std::int64_t row = 0; row < rows; ++row, x += n, y += n) {
    const double factor = 1.0 / exp_sum(x, n, maximum(x, n), y);
    map(y, y, y, n, [=](VecDouble e, VecDouble) { return e * factor; });
  }
}

void log_softmax(const float* x, float* y, std::int64_t rows, std::int64_t n) {
  for (std::int64_t row = 0; row < rows; ++row, x += n, y += n) {
    const float most = maximum(x, n);
    const double log_sum = __builtin_log(exp_sum(x, n, most, nullptr)) + static_cast<double>(most);
    map(x, x, y, n, [=](VecDouble score, VecDouble) { return score - log_sum; });
  }
}

void softmax_grad(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t n) {
  for (std::int64_t row = 0; row < rows; ++row, dy += n, y += n, dx += n) {
    const double dot = reduce(dy, y, n, [](VecDouble g, VecDouble p) { return g * p; });
    map(dy, y, dx, n, [=](VecDouble g, VecDouble p) { return p * (g - dot); });
  }
}

/// dy - exp(y) * sum(dy). Near y = 0, where dy is about the sum, exp(y) is taken as 1 + rest, so that no digit is lost.
void log_softmax_grad(const float* dy, const float* y, float* dx, std::int64_t rows, std::int64_t n) {
  for (std::int64_t row = 0; row < rows; ++row, dy += n, y += n, dx += n) {
    const double total = reduce(dy, dy, n, [](VecDouble g, VecDouble) { return g; });
    for (std::int64_t i = 0; i < n; i += kLanes) {
      const ExpParts parts = exp_parts(load_row(y + i, n - i));
      const Vec one = parts.n == 0 ? splat(1.0F) : Vec{};
      const Vec rest = parts.n == 0 ? parts.rest : join(parts);
      const Doubles g = widen(load_row(dy + i, n - i)), whole = widen(one), part = widen(rest);
      store_row(dx + i, n - i, narrow({(g.low - whole.low * total) - part.low * total, (g.high - whole.high * total) - part.high * total}));
    }
  }
}

/// Logarithm of the product of numbers from 1 on: one logarithm for many.
struct LogProduct {
  double product = 1.0, total = 0;
  void times(double number) {
    product *= number;
    if (product > 1e100 || product != product) flush();
  }
  void flush() {
    total += __builtin_log(product);
    product = 1.0;
  }
};

double with_classes(const CrossEntropyTask& t) {
  LogProduct sums;
  double total = 0;
  const auto add = [&](std::int64_t row, float most, double sum) {
    const std::int64_t label = t.classes_of[row];
    const bool fits = label >= 0 && label < t.classes;
    sums.times(sum);
    total += fits ? static_cast<double>(most) - static_cast<double>(t.scores[row * t.classes + label]) : __builtin_nan("");
  };
  if (t.classes <= Tile::kMost) {
    each_tile(t.scores, t.rows, t.classes, [&](Tile& tile, std::int64_t row, std::int64_t here) {
      const Vec most = tile.maximum(t.classes);
      const Doubles wide = tile.exp_sum(t.classes, most);
      double lanes[kLanes];
      __builtin_memcpy(lanes, &wide, sizeof lanes);
      float tops[kLanes];
      store(tops, most);
      for (std::int64_t i = 0; i < here; ++i) add(row + i, tops[i], lanes[i]);
    });
  } else {
    for (std::int64_t row = 0; row < t.rows; ++row) {
      const float* x = t.scores + row * t.classes;
      const float most = maximum(x, t.classes);
      add(row, most, exp_sum(x, t.classes, most, nullptr));
    }
  }
  sums.flush();
  return total + sums.total;
}

double with_targets(const CrossEntropyTask& t) {
  double total = 0;
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const float* x = t.scores + row * t.classes;
    const float most = maximum(x, t.classes);
    const double log_sum = __builtin_log(exp_sum(x, t.classes, most, nullptr)) + static_cast<double>(most);
    total += reduce(x, t.targets + row * t.classes, t.classes, [=](VecDouble score, VecDouble target) {
      return target != 0.0 ? target * (log_sum - score) : VecDouble{};  // no target: an infinite score does not count
    });
  }
  return total;
}

double cross_entropy(const CrossEntropyTask& t) { return t.classes_of != nullptr ? with_classes(t) : with_targets(t); }

/// scale * (softmax(x) * sum(targets) - targets), in double: a term of 1 in the sum leaves all digits to the others.
void gradient_of_classes(const CrossEntropyTask& t, std::int64_t row, double factor) {
  const std::int64_t label = t.classes_of[row];
  float* dx = t.dx + row * t.classes;
  const bool fits = label >= 0 && label < t.classes;
  if (!fits) factor = __builtin_nan("");
  const double chosen = fits ? static_cast<double>(dx[label]) * factor - t.scale : 0.0;
  map(dx, dx, dx, t.classes, [=](VecDouble e, VecDouble) { return e * factor; });
  if (fits) dx[label] = static_cast<float>(chosen);
}

void gradient_of_targets(const CrossEntropyTask& t, std::int64_t row, double factor) {
  const float* targets = t.targets + row * t.classes;
  float* dx = t.dx + row * t.classes;
  factor *= reduce(targets, targets, t.classes, [](VecDouble target, VecDouble) { return target; });
  map(dx, targets, dx, t.classes, [=](VecDouble e, VecDouble target) { return e * factor - target * t.scale; });
}

void cross_entropy_grad(const CrossEntropyTask& t) {
  const auto finish = t.classes_of != nullptr ? gradient_of_classes : gradient_of_targets;
  if (t.classes <= Tile::kMost) {
    return each_tile(t.scores, t.rows, t.classes, [&](Tile& tile, std::int64_t row, std::int64_t here) {
      const Doubles wide = tile.exp_sum(t.classes, tile.maximum(t.classes));
      tile.write(t.dx + row * t.classes, here, t.classes);
      double lanes[kLanes];
      const Doubles factors = {t.scale / wide.low, t.scale / wide.high};
      __builtin_memcpy(lanes, &factors, sizeof lanes);
      for (std::int64_t i = 0; i < here; ++i) finish(t, row + i, lanes[i]);
    });
  }
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const float* x = t.scores + row * t.classes;
    finish(t, row, t.scale / exp_sum(x, t.classes, maximum(x, t.classes), t.dx + row * t.classes));
  }
}

double squared_error(const float* a, const float* b, std::int64_t n) {
  Doubles total{};
  for (std::int64_t i = 0; i < n; i += kLanes) {
    const Vec error = i + kLanes <= n ? load(a + i) - load(b + i) : load_row(a + i, n - i) - load_row(b + i, n - i);
    const Doubles wide = widen(error);
    total.low += wide.low * wide.low;
    total.high += wide.high * wide.high;
  }
  return sum(total.low + total.high);
}

}  // namespace

void add_softmax(Simd& table);
void add_softmax(Simd& table) {
  table.softmax = {softmax, log_softmax, softmax_grad, log_softmax_grad, cross_entropy, cross_entropy_grad, squared_error};
}

}  // namespace n2d2::cpu::N2D2_ISA
