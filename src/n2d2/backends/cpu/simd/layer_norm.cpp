// Normalisation of rows: moments in two passes, the second around the mean, so that no digits cancel.
#include "n2d2/backends/cpu/simd/layer_norm.h"

#include <cmath>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec_double.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr std::int64_t kChunk = 16 * kLanes;  // numbers that are summed in float

struct Sums {
  double first = 0, second = 0;
};

/// Sums that `add(i, n, first, second)` adds up for the `n` numbers from i on, n at most a vector.
template <class Add>
static inline Sums sum_up(std::int64_t count, const Add& add) {
  Doubles first{}, second{};
  for (std::int64_t begin = 0; begin < count; begin += kChunk) {
    const std::int64_t end = count - begin < kChunk ? count : begin + kChunk;
    Vec a{}, b{};
    std::int64_t i = begin;
    for (; i + kLanes <= end; i += kLanes) add(i, std::int64_t{kLanes}, a, b);
    if (i < end) add(i, end - i, a, b);
    const Doubles wide = widen(a), wider = widen(b);
    first.low += wide.low;
    first.high += wide.high;
    second.low += wider.low;
    second.high += wider.high;
  }
  return {sum(first.low + first.high), sum(second.low + second.high)};
}

static inline void add_to(double* sums, std::int64_t n, Vec v) {
  double lanes[kLanes];
  const Doubles wide = widen(v);
  __builtin_memcpy(lanes, &wide, sizeof lanes);
  if (n >= kLanes) {
    for (int i = 0; i < kLanes; ++i) sums[i] += lanes[i];
  } else {
    for (int i = 0; i < n; ++i) sums[i] += lanes[i];
  }
}

/// Mean, and 1 / sqrt(variance + epsilon), of a row.
static inline void moments(const LayerNormTask& t, const float* x, float& mean, float& inv_std) {
  const auto count = static_cast<double>(t.count);
  mean = 0.0F;
  if (t.centred) {
    const auto add = [&](std::int64_t i, std::int64_t n, Vec& first, Vec&) { first += load_row(x + i, n); };
    mean = static_cast<float>(sum_up(t.count, add).first / count);
  }
  const Vec middle = Vec{} + mean;
  const Sums sums = sum_up(t.count, [&](std::int64_t i, std::int64_t n, Vec& first, Vec& second) {
    const Vec d = load_filled(x + i, n, middle) - middle;
    first += d;
    second = fma(d, d, second);
  });
  const double off = t.centred ? sums.first / count : 0.0;  // what the mean lost when it was rounded
  double variance = sums.second / count - off * off;
  variance = variance < 0.0 ? 0.0 : variance;  // NaN stays
  mean = static_cast<float>(static_cast<double>(mean) + off);
  inv_std = static_cast<float>(1.0 / std::sqrt(variance + t.epsilon));
}

void forward(const LayerNormTask& t) {
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const float* x = t.x + row * t.count;
    float* y = t.to + row * t.count;
    float mean = 0;
    moments(t, x, mean, t.inv_std[row]);
    if (t.centred) t.mean[row] = mean;
    const Vec middle = Vec{} + mean, factor = Vec{} + t.inv_std[row];
    const auto at = [&](std::int64_t i, std::int64_t n) {
      Vec h = (load_row(x + i, n) - middle) * factor;
      if (t.scale != nullptr) h *= load_row(t.scale + i, n);
      if (t.bias != nullptr) h += load_row(t.bias + i, n);
      store_row(y + i, n, h);
    };
    std::int64_t i = 0;
    for (; i + kLanes <= t.count; i += kLanes) at(i, kLanes);
    if (i < t.count) at(i, t.count - i);
  }
}

void gradient(const LayerNormTask& t) {
  const auto count = static_cast<double>(t.count);
  for (std::int64_t row = 0; row < t.rows; ++row) {
    const float *x = t.x + row * t.count, *dy = t.dy + row * t.count;
    float* dx = t.to + row * t.count;
    const Vec middle = Vec{} + (t.centred ? t.mean[row] : 0.0F), factor = Vec{} + t.inv_std[row];
    const auto scaled = [&](std::int64_t i, std::int64_t n, Vec g) { return t.scale == nullptr ? g : g * load_row(t.scale + i, n); };
    const Sums sums = sum_up(t.count, [&](std::int64_t i, std::int64_t n, Vec& first, Vec& second) {
      const Vec g = load_row(dy + i, n), h = (load_row(x + i, n) - middle) * factor;
      if (t.scale_sums != nullptr) add_to(t.scale_sums + i, n, g * h);
      if (t.sums != nullptr) add_to(t.sums + i, n, g);
      const Vec s = scaled(i, n, g);
      first += s;
      second = fma(s, h, second);
    });
    const Vec shift = Vec{} + (t.centred ? static_cast<float>(sums.first / count) : 0.0F);
    const Vec slope = Vec{} + static_cast<float>(sums.second / count);
    const auto at = [&](std::int64_t i, std::int64_t n) {
      const Vec h = (load_row(x + i, n) - middle) * factor;
      store_row(dx + i, n, factor * (scaled(i, n, load_row(dy + i, n)) - shift - h * slope));
    };
    std::int64_t i = 0;
    for (; i + kLanes <= t.count; i += kLanes) at(i, kLanes);
    if (i < t.count) at(i, t.count - i);
  }
}

}  // namespace

void add_layer_norm(Simd& table);
void add_layer_norm(Simd& table) { table.layer_norm = {forward, gradient}; }

}  // namespace n2d2::cpu::N2D2_ISA
