// Functions of one variable: a row gives an operator's value of x, its gradient dx of dy and of what the record in ops/unary.cpp
// saves (x or y), and the attributes that are its numbers a, b and c.
#include "n2d2/backends/cpu/simd/unary.h"

#include "n2d2/backends/cpu/simd/functions.h"
#include "n2d2/backends/cpu/simd/simd.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

struct Numbers {
  Vec a, b, c;
};

static inline Numbers numbers_of(const float* numbers) { return {splat(numbers[0]), splat(numbers[1]), splat(numbers[2])}; }

template <class Value>
void value_of(const float* x, float* y, std::int64_t n, const float* numbers) {
  const Numbers p = numbers_of(numbers);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, Value{}(load(x + i), p));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(y + i, rest, Value{}(load_part(x + i, rest), p));
}

template <class Gradient>
void gradient_of(const float* dy, const float* saved, float* dx, std::int64_t n, const float* numbers) {
  const Numbers p = numbers_of(numbers);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(dx + i, Gradient{}(load(dy + i), load(saved + i), p));
  const int rest = static_cast<int>(n - i);
  if (rest > 0) store_part(dx + i, rest, Gradient{}(load_part(dy + i, rest), load_part(saved + i, rest), p));
}

template <class Value, class Gradient>
constexpr UnaryBody row(const char* op, Value, Gradient, const char* a = nullptr, const char* b = nullptr, const char* c = nullptr) {
  return {op, value_of<Value>, gradient_of<Gradient>, {a, b, c}};
}

template <class Value, class Gradient>
constexpr UnaryBody variant(const char* op, const char* text, Value value, Gradient gradient) {
  UnaryBody body = row(op, value, gradient);
  body.variant = text;
  return body;
}

const auto zero = [](Vec, Vec, Numbers) { return Vec{}; };

/// scale * x for x > 0, else scale * alpha * (exp(rate * x) - 1).
static inline Vec elu(Vec x, Vec alpha, Vec scale, Vec rate) { return scale * (x > Vec{} ? x : alpha * expm1(rate * x)); }

static inline Vec clip(Vec x, Vec least, Vec most) {  // NaN stays
  const Vec above = x < least ? least : x;
  return above > most ? most : above;
}

/// tanh(log(1 + exp(x))) is t / (t + 2).
static inline Vec mish_term(Vec e) { return e * (e + 2.0F); }
static inline Vec up_to_20(Vec x) { return x > 20.0F ? splat(20.0F) : x; }  // from there on Mish is x

constexpr float kRootHalf = 0.707106781F, kRootTwoByPi = 0.797884561F, kCubic = 0.044715F;
static inline Vec normal_share(Vec x) { return 0.5F * (1.0F + erf(x * kRootHalf)); }
static inline Vec gelu_tanh(Vec x) { return tanh(kRootTwoByPi * fma(kCubic * x * x, x, x)); }

static inline Vec hard_sigmoid(Vec t) { return t < Vec{} ? Vec{} : t > 1.0F ? splat(1.0F) : t; }

const UnaryBody kRows[] = {
    row(
        "Neg", [](Vec x, Numbers) { return -x; }, [](Vec dy, Vec, Numbers) { return -dy; }),
    row(
        "Abs", [](Vec x, Numbers) { return abs(x); }, [](Vec dy, Vec x, Numbers) { return dy * sign(x); }),
    row(
        "Sign", [](Vec x, Numbers) { return sign(x); }, zero),
    row(
        "Floor", [](Vec x, Numbers) { return floor(x); }, zero),
    row(
        "Ceil", [](Vec x, Numbers) { return ceil(x); }, zero),
    row(
        "Round", [](Vec x, Numbers) { return round(x); }, zero),
    row(
        "Exp", [](Vec x, Numbers) { return exp(x); }, [](Vec dy, Vec y, Numbers) { return dy * y; }),
    row(
        "Expm1", [](Vec x, Numbers) { return expm1(x); }, [](Vec dy, Vec y, Numbers) { return dy * (y + 1.0F); }),
    row(
        "Log", [](Vec x, Numbers) { return log(x); }, [](Vec dy, Vec x, Numbers) { return dy / x; }),
    row(
        "Log1p", [](Vec x, Numbers) { return log1p(x); }, [](Vec dy, Vec x, Numbers) { return dy / (x + 1.0F); }),
    row(
        "Sqrt", [](Vec x, Numbers) { return sqrt(x); }, [](Vec dy, Vec y, Numbers) { return dy / (y + y); }),
    row(
        "Reciprocal", [](Vec x, Numbers) { return 1.0F / x; }, [](Vec dy, Vec y, Numbers) { return -dy * (y * y); }),
    row(
        "Erf", [](Vec x, Numbers) { return erf(x); }, [](Vec dy, Vec x, Numbers) { return dy * (1.12837917F * exp(-x * x)); }),
    row(
        "Sin", [](Vec x, Numbers) { return sin(x); }, [](Vec dy, Vec x, Numbers) { return dy * cos(x); }),
    row(
        "Cos", [](Vec x, Numbers) { return cos(x); }, [](Vec dy, Vec x, Numbers) { return -dy * sin(x); }),
    row(
        "Clip", [](Vec x, Numbers p) { return clip(x, p.a, p.b); },
        [](Vec dy, Vec x, Numbers p) {
          const VecInt inside = p.c != Vec{} ? (x >= p.a) & (x <= p.b) : (x > p.a) & (x < p.b);
          return inside != 0 ? dy : Vec{};
        },
        "min", "max", "edge_gradient"),
    row(
        "Not", [](Vec x, Numbers) { return x == Vec{} ? splat(1.0F) : Vec{}; }, zero),

    // Activations
    row(
        "Relu", [](Vec x, Numbers) { return x <= Vec{} ? Vec{} : x; },  // NaN passes
        [](Vec dy, Vec y, Numbers) { return y <= Vec{} ? Vec{} : dy; }),
    row(
        "LeakyRelu", [](Vec x, Numbers p) { return x > Vec{} ? x : p.a * x; },
        [](Vec dy, Vec x, Numbers p) { return x > Vec{} ? dy : p.a * dy; }, "alpha"),
    row(
        "ThresholdedRelu", [](Vec x, Numbers p) { return x <= p.a ? Vec{} : x; },
        [](Vec dy, Vec x, Numbers p) { return x <= p.a ? Vec{} : dy; }, "alpha"),
    row(
        "Sigmoid", [](Vec x, Numbers) { return sigmoid(x); }, [](Vec dy, Vec y, Numbers) { return dy * y * (1.0F - y); }),
    row(
        "Tanh", [](Vec x, Numbers) { return tanh(x); }, [](Vec dy, Vec y, Numbers) { return dy * (1.0F - y * y); }),
    row(
        "Elu", [](Vec x, Numbers p) { return elu(x, p.a, splat(1.0F), splat(1.0F)); },
        [](Vec dy, Vec x, Numbers p) { return x > Vec{} ? dy : dy * (p.a * exp(x)); }, "alpha"),
    row(
        "Selu", [](Vec x, Numbers p) { return elu(x, p.a, p.b, splat(1.0F)); },
        [](Vec dy, Vec x, Numbers p) { return dy * (x > Vec{} ? p.b : p.b * p.a * exp(x)); }, "alpha", "gamma"),
    row(
        "Celu", [](Vec x, Numbers p) { return elu(x, p.a, splat(1.0F), 1.0F / p.a); },
        [](Vec dy, Vec x, Numbers p) { return x > Vec{} ? dy : dy * exp(x / p.a); }, "alpha"),
    row(
        "Gelu", [](Vec x, Numbers) { return x * normal_share(x); },
        [](Vec dy, Vec x, Numbers) { return dy * (normal_share(x) + x * (0.39894228F * exp(-0.5F * x * x))); }),
    variant(
        "Gelu", "tanh", [](Vec x, Numbers) { return 0.5F * x * (1.0F + gelu_tanh(x)); },
        [](Vec dy, Vec x, Numbers) {
          const Vec t = gelu_tanh(x);
          const Vec near = clip(x, splat(-1e4F), splat(1e4F));  // beyond, the curve is straight; the cube would overflow
          const Vec slope = kRootTwoByPi * fma(3.0F * kCubic * near, near, splat(1.0F));
          return dy * (0.5F * (1.0F + t) + 0.5F * near * (1.0F - t * t) * slope);
        }),
    row(
        "Swish", [](Vec x, Numbers p) { return x / (1.0F + exp(-p.a * x)); },
        [](Vec dy, Vec x, Numbers p) {
          const Vec s = sigmoid(p.a * x);
          return dy * (s * (1.0F + p.a * x * (1.0F - s)));
        },
        "alpha"),
    row(
        "Mish",
        [](Vec x, Numbers) {
          const Vec t = mish_term(exp(up_to_20(x)));
          return x * (t / (t + 2.0F));
        },
        [](Vec dy, Vec x, Numbers) {
          const Vec near = up_to_20(x), e = exp(near), t = mish_term(e), whole = t + 2.0F;
          return dy * (t / whole + near * (4.0F * e * (e + 1.0F) / (whole * whole)));
        }),
    row(
        "Softplus", [](Vec x, Numbers) { return softplus(x); }, [](Vec dy, Vec x, Numbers) { return dy * sigmoid(x); }),
    row(
        "Softsign", [](Vec x, Numbers) { return x / (1.0F + abs(x)); },
        [](Vec dy, Vec x, Numbers) {
          const Vec size = 1.0F + abs(x);
          return dy / size / size;
        }),
    row(
        "HardSigmoid", [](Vec x, Numbers p) { return hard_sigmoid(fma(p.a, x, p.b)); },
        [](Vec dy, Vec x, Numbers p) {
          const Vec t = fma(p.a, x, p.b);
          return (t > Vec{}) & (t < 1.0F) ? p.a * dy : Vec{};
        },
        "alpha", "beta"),
    row(
        "HardSwish", [](Vec x, Numbers) { return x * hard_sigmoid((x + 3.0F) / 6.0F); },
        [](Vec dy, Vec x, Numbers) { return x >= 3.0F    ? dy
                                            : x <= -3.0F ? Vec{}
                                                         : dy * (x / 3.0F + 0.5F); }),
    row(
        "Shrink", [](Vec x, Numbers p) { return x > p.a    ? x - p.b
                                                : x < -p.a ? x + p.b
                                                : x != x   ? x
                                                           : Vec{}; },
        [](Vec dy, Vec x, Numbers p) { return abs(x) > p.a ? dy : Vec{}; }, "lambd", "bias"),
};

}  // namespace

void add_unary(Simd& table);
void add_unary(Simd& table) { table.unary = {kRows, static_cast<int>(sizeof(kRows) / sizeof(kRows[0]))}; }

}  // namespace n2d2::cpu::N2D2_ISA
