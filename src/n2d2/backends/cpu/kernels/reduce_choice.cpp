// Reductions that are no sums, their gradients, ArgMax, ArgMin and CumSum: plain loops in double, a row of the batch at a time.
// A rule is what one of them does with each element; its notes, three numbers for each result, begin with Rule::start().
#include <algorithm>
#include <cmath>
#include <limits>

#include "n2d2/backends/cpu/kernels/copies/strided_loop.h"
#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/kernels/reduce_axes.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;

struct Notes {
  double a = 0, b = 0, c = 0;
};

constexpr double kInfinity = std::numeric_limits<double>::infinity();
double finite_or_zero(double x) { return std::isinf(x) ? 0.0 : x; }

template <int kSign>  // 1: the largest, -1: the smallest
struct Extreme {
  static constexpr int kPasses = 1;
  static Notes start() { return {.a = -kSign * kInfinity}; }
  static void look(Notes& n, double x, int) { n.a = kSign * x > kSign * n.a || std::isnan(x) ? x : n.a; }
  static float result(const Notes& n) { return static_cast<float>(n.a); }
};

template <int kSign>  // b is the place of the best a, c the number of elements seen
struct Place {
  static constexpr int kPasses = 1;
  static Notes start() { return {}; }
  static void look(Notes& n, double x, int) {
    const bool is_better = n.c == 0 || (!std::isnan(n.a) && (kSign * x > kSign * n.a || std::isnan(x)));
    if (is_better) n.a = x, n.b = n.c;
    n.c += 1;
  }
  static std::int64_t result(const Notes& n) { return static_cast<std::int64_t>(n.b); }
};

struct Product {
  static constexpr int kPasses = 1;
  static Notes start() { return {.a = 1}; }
  static void look(Notes& n, double x, int) { n.a *= x; }
  static float result(const Notes& n) { return static_cast<float>(n.a); }
};

struct SumOfSizes {
  static constexpr int kPasses = 1;
  static Notes start() { return {}; }
  static void look(Notes& n, double x, int) { n.a += std::abs(x); }
  static float result(const Notes& n) { return static_cast<float>(n.a); }
};

struct Length {
  static constexpr int kPasses = 1;
  static Notes start() { return {}; }
  static void look(Notes& n, double x, int) { n.a += x * x; }
  static float result(const Notes& n) { return static_cast<float>(std::sqrt(n.a)); }
};

struct LogSumExp {
  static constexpr int kPasses = 2;  // the largest first, so that nothing overflows
  static Notes start() { return Extreme<1>::start(); }
  static void look(Notes& n, double x, int pass) {
    pass == 0 ? Extreme<1>::look(n, x, pass) : void(n.b += std::exp(x - finite_or_zero(n.a)));
  }
  static float result(const Notes& n) { return static_cast<float>(std::log(n.b) + finite_or_zero(n.a)); }
};

// Gradients: slope() is dx for a dy of 1.
struct ShareGrad {  // a: how many share it; NaN shares with nobody, and then all slopes are NaN, as in PyTorch
  static constexpr int kPasses = 1;
  static Notes start() { return {}; }
  static void look(Notes& n, double x, double y) { n.a += x == y ? 1 : 0; }
  static double slope(Notes& n, double x, double y) { return (x == y ? 1.0 : 0.0) / n.a; }
};

struct FirstGrad {  // a: whether it was seen
  static constexpr int kPasses = 0;
  static Notes start() { return {}; }
  static void look(Notes&, double, double) {}
  static double slope(Notes& n, double x, double y) {
    const bool is_first = n.a == 0 && (x == y || (std::isnan(x) && std::isnan(y)));
    if (is_first) n.a = 1;
    return is_first ? 1.0 : 0.0;
  }
};

struct ProductGrad {  // a: product of all that are not 0, b: number of zeros
  static constexpr int kPasses = 1;
  static Notes start() { return {.a = 1}; }
  static void look(Notes& n, double x, double) { x == 0 ? n.b += 1 : n.a *= x; }
  static double slope(Notes& n, double x, double) {
    if (n.b == 0) return n.a / x;
    return n.b == 1 && x == 0 ? n.a : 0.0;
  }
};

struct SumOfSizesGrad {
  static constexpr int kPasses = 0;
  static Notes start() { return {}; }
  static void look(Notes&, double, double) {}
  static double slope(Notes&, double x, double) { return x > 0 ? 1.0 : x < 0 ? -1.0 : 0.0; }
};

struct LengthGrad {
  static constexpr int kPasses = 0;
  static Notes start() { return {}; }
  static void look(Notes&, double, double) {}
  static double slope(Notes&, double x, double y) { return y == 0 ? 0.0 : x / y; }
};

struct LogSumExpGrad {
  static constexpr int kPasses = 0;
  static Notes start() { return {}; }
  static void look(Notes&, double, double) {}
  static double slope(Notes&, double x, double y) { return std::exp(x - y); }
};

/// body(notes, small offset, large offset) for each element of a row, along memory.
template <class Body>
void each(const StridedLoop<2>& loop, const Body& body) {
  const auto [small_step, step] = loop.inner_steps();
  loop.run(1, [&, small_step = small_step, step = step](const auto& offsets) {
    for (std::int64_t i = 0; i < loop.inner(); ++i) body(offsets[0] + i * small_step, offsets[1] + i * step);
  });
}

StridedLoop<2> loop_over(const ir::Value& large, const std::vector<std::int64_t>& small_strides) {
  const auto order = ir::order_of(large);
  return StridedLoop<2>(large.shape(), order, {small_strides, ir::strides_of(large.shape(), order)});
}

/// Runs body(row) on the rows of the lane, or once; `y` is the batched value if there is one.
template <class Body>
void by_rows(Emitter& emit, plan::Operand scratch, const Body& body) {
  const std::vector<plan::Use> extra = {plan::writes(scratch, Access::own)};
  if (!emit.node().output()->is_batched()) return emit.single([=](const Lane& lane) { body(lane, 0); }, extra);
  emit.rows(
      [=](const Lane& lane) {
        for (std::int64_t row = 0; row < lane.rows; ++row) body(lane, row);
      },
      extra);
}

/// Row `row` of the lane, or the whole of what is not batched.
template <class T = float>
T* row_of(const plan::Operand& operand, bool is_batched, const Lane& lane, std::int64_t row, std::int64_t per_row) {
  return is_batched ? operand.rows<T>(lane) + row * per_row : operand.all<T>(lane);
}

template <class Rule>
void reduce(Emitter& emit, const std::vector<std::int64_t>& small_strides) {
  using Result = decltype(Rule::result(Notes()));
  const ir::Value& in = *emit.node().input(0);
  const std::int64_t results = emit.node().output_shape().elements_per_row(), per_row = in.shape().elements_per_row();
  const auto x = emit.in(0), y = emit.out(), scratch = emit.scratch(results * static_cast<std::int64_t>(sizeof(Notes)));
  by_rows(emit, scratch, [=, loop = loop_over(in, small_strides), batched = in.is_batched()](const Lane& lane, std::int64_t row) {
    auto* notes = scratch.own<Notes>(lane);
    const float* from = row_of(x, batched, lane, row, per_row);
    std::fill(notes, notes + results, Rule::start());
    for (int pass = 0; pass < Rule::kPasses; ++pass) {
      each(loop, [&](std::int64_t small, std::int64_t large) { Rule::look(notes[small], static_cast<double>(from[large]), pass); });
    }
    Result* to = row_of<Result>(y, batched, lane, row, results);
    for (std::int64_t i = 0; i < results; ++i) to[i] = Rule::result(notes[i]);
  });
}

template <class Rule>
void reduce_axes(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Shape& x = node.input_shape(0);
  reduce<Rule>(emit, strides_along(*node.output(), x, reduced_axes(node, x), node.integer("keepdims") != 0));
}

template <class Rule>
void find_place(Emitter& emit) {
  const ir::Node& node = emit.node();
  const Shape& x = node.input_shape(0);
  std::vector<bool> reduced(static_cast<std::size_t>(x.rank()), false);
  reduced[static_cast<std::size_t>(normalized_axis(node.integer("axis"), x.rank(), "axis"))] = true;
  reduce<Rule>(emit, strides_along(*node.output(), x, reduced, node.integer("keepdims") != 0));
}

template <class Rule>
void gradient(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& large = *node.output();
  const auto reduced = reduced_axes(node, large.shape());
  const bool keepdims = node.integer("keepdims") != 0;
  // dY may lie in another order than Y: the notes follow Y.
  const auto strides = strides_along(*node.input(2), large.shape(), reduced, keepdims);
  const auto order = ir::order_of(large);
  const StridedLoop<3> both(
      large.shape(), order,
      {strides, ir::strides_of(large.shape(), order), strides_along(*node.input(0), large.shape(), reduced, keepdims)});
  const std::int64_t results = node.input_shape(2).elements_per_row(), per_row = large.shape().elements_per_row();
  const auto dy = emit.in(0), x = emit.in(1), y = emit.in(2), dx = emit.out();
  const auto scratch = emit.scratch(results * static_cast<std::int64_t>(sizeof(Notes)));
  by_rows(emit, scratch, [=, loop = loop_over(large, strides), batched = large.is_batched()](const Lane& lane, std::int64_t row) {
    auto* notes = scratch.own<Notes>(lane);
    const float* from = row_of(x, batched, lane, row, per_row);
    const float* result = row_of(y, batched, lane, row, results);
    const float* slope = row_of(dy, batched, lane, row, results);
    float* to = row_of(dx, batched, lane, row, per_row);
    std::fill(notes, notes + results, Rule::start());
    for (int pass = 0; pass < Rule::kPasses; ++pass) {
      each(loop, [&](std::int64_t small, std::int64_t at) {
        Rule::look(notes[small], static_cast<double>(from[at]), static_cast<double>(result[small]));
      });
    }
    const auto [small_step, step, dy_step] = both.inner_steps();
    both.run(1, [&, small_step = small_step, step = step, dy_step = dy_step](const auto& offsets) {
      for (std::int64_t i = 0; i < both.inner(); ++i) {
        const std::int64_t small = offsets[0] + i * small_step, at = offsets[1] + i * step;
        const double factor = Rule::slope(notes[small], static_cast<double>(from[at]), static_cast<double>(result[small]));
        to[at] = static_cast<float>(factor * static_cast<double>(slope[offsets[2] + i * dy_step]));
      }
    });
  });
}

void extreme_grad(Emitter& emit) {
  emit.node().attributes().text("ties") == "first" ? gradient<FirstGrad>(emit) : gradient<ShareGrad>(emit);
}

void running_sum(Emitter& emit) {
  const ir::Node& node = emit.node();
  const ir::Value& value = *node.output();
  const auto axis = static_cast<std::size_t>(normalized_axis(node.integer("axis"), value.rank(), "axis"));
  const bool reverse = node.integer("reverse") != 0, exclusive = node.integer("exclusive") != 0;
  const auto order = ir::order_of(value);
  auto strides = ir::strides_of(value.shape(), order), sums_strides = strides;
  const std::int64_t extent = value.shape()[static_cast<int>(axis)].size;
  const std::int64_t start = reverse ? (extent - 1) * strides[axis] : 0;  // from the end: with steps backwards
  sums_strides[axis] = 0;
  if (reverse) strides[axis] = -strides[axis];
  const StridedLoop<2> loop(value.shape(), order, {sums_strides, strides});
  const std::int64_t per_row = value.shape().elements_per_row();
  const auto x = emit.in(0), y = emit.out(), scratch = emit.scratch(per_row * static_cast<std::int64_t>(sizeof(double)));
  by_rows(emit, scratch, [=, batched = value.is_batched()](const Lane& lane, std::int64_t row) {
    auto* sums = scratch.own<double>(lane);
    const float* from = row_of(x, batched, lane, row, per_row) + start;
    float* to = row_of(y, batched, lane, row, per_row) + start;
    std::fill(sums, sums + per_row, 0.0);
    each(loop, [&](std::int64_t sum, std::int64_t at) {
      const double before = sums[sum];
      sums[sum] += static_cast<double>(from[at]);
      to[at] = static_cast<float>(exclusive ? before : sums[sum]);
    });
  });
}

}  // namespace

Kernels reduce_choice_kernels() {
  return {{"ReduceMax", "plain", nullptr, reduce_axes<Extreme<1>>},
          {"ReduceMaxGrad", "plain", nullptr, extreme_grad},
          {"ReduceMin", "plain", nullptr, reduce_axes<Extreme<-1>>},
          {"ReduceMinGrad", "plain", nullptr, extreme_grad},
          {"ReduceProd", "plain", nullptr, reduce_axes<Product>},
          {"ReduceProdGrad", "plain", nullptr, gradient<ProductGrad>},
          {"ReduceL1", "plain", nullptr, reduce_axes<SumOfSizes>},
          {"ReduceL1Grad", "plain", nullptr, gradient<SumOfSizesGrad>},
          {"ReduceL2", "plain", nullptr, reduce_axes<Length>},
          {"ReduceL2Grad", "plain", nullptr, gradient<LengthGrad>},
          {"ReduceLogSumExp", "plain", nullptr, reduce_axes<LogSumExp>},
          {"ReduceLogSumExpGrad", "plain", nullptr, gradient<LogSumExpGrad>},
          {"ArgMax", "plain", nullptr, find_place<Place<1>>},
          {"ArgMin", "plain", nullptr, find_place<Place<-1>>},
          {"CumSum", "plain", nullptr, running_sum}};
}

}  // namespace n2d2::cpu
