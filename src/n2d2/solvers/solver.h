// A solver turns gradients into updates: it keeps the count and the schedule, a backend's vector loop does the arithmetic.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

namespace n2d2::solvers {

/// Whose formula: they differ when the rate changes, in weight decay and in where epsilon stands.
enum class Form { n2d2, torch, keras };
enum class Kind { sgd, adam, rmsprop };

/// The numbers of one update, the same for every element. With g the gradient, w a weight and, by name, its slots, in this order:
///
///   sum_slot >= 0         g += s;  s = apply ? 0 : g      sum of the gradients of several backward passes
///   !apply                the weight and the other slots stay
///   gradient              g *= gradient_scale
///   decoupled decay       w *= keep
///   coupled decay         g += decay * w
///   SGD, n2d2 and keras   v = momentum * v + rate * g;  w -= nesterov ? momentum * v + rate * g : v
///   SGD, torch            v = momentum * v + g;         w -= rate * (nesterov ? g + momentum * v : v)
///   SGD without momentum  w -= rate * g, and there is no slot v
///   Adam                  m += (1 - beta1) * (g - m);  v += (1 - beta2) * (g * g - v);  w -= step * m / (sqrt(v) * second_scale + epsilon)
///   RMSprop               v = beta2 * v + (1 - beta2) * g * g, then with u as follows  w -= u, or with momentum
///     n2d2                u = rate * g / (sqrt(v) + epsilon);   b = momentum * b + u;  w -= b
///     keras               u = rate * g / sqrt(v + epsilon);     b = momentum * b + u;  w -= b
///     torch               u = g / (sqrt(v) + epsilon);          b = momentum * b + u;  w -= rate * b   (without momentum w -= rate * u)
///   then                  w = min(max(w, clamp_low), clamp_high), NaN stays
///
/// Slots: v for SGD with momentum; m, v for Adam; v for RMSprop, with momentum also b; last s when gradients are summed. They begin as
/// zeros. The loop rounds in the places where the framework of the form does. Sources: Sutskever et al. 2013 (SGD); Kingma and Ba 2015, end
/// of section 2 (Adam); Tieleman and Hinton 2012 (RMSprop); torch.optim and keras.optimizers for their forms.
struct UpdateArguments {
  Kind kind = Kind::sgd;
  Form form = Form::n2d2;
  bool apply = true;
  int sum_slot = -1;
  float gradient_scale = 1.0F;
  float keep = 1.0F;  ///< 1 - learning rate * decoupled decay
  float rate = 0.0F;
  float momentum = 0.0F;
  bool nesterov = false;
  float decay = 0.0F;
  float beta2 = 0.0F;
  float beta1_rest = 1.0F;  ///< 1 - beta1, rounded once
  float beta2_rest = 1.0F;
  float epsilon = 0.0F;
  float step = 0.0F;
  float second_scale = 1.0F;
  float clamp_low = -std::numeric_limits<float>::infinity();
  float clamp_high = std::numeric_limits<float>::infinity();
};

/// Bounds of the weights after each update.
struct Clamping {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};
/// "min:max", where either side may be empty; "" bounds nothing. Throws ValueError.
Clamping clamping_of(const std::string& text);

/// What a solver remembers beside its slots; saved with a network.
struct Counters {
  std::int64_t iterations = 0;  ///< updates of the weights
  std::int64_t rows_seen = 0;   ///< rows these updates were made from
  std::int64_t pass = 0;        ///< gradients summed since the last update
  std::int64_t pass_rows = 0;   ///< rows these were made from
  bool operator==(const Counters&) const = default;
};

class Solver {
 public:
  virtual ~Solver() = default;
  /// Floats of state per weight.
  virtual int slots() const = 0;
  /// Counts one more gradient, made from `rows` rows, and returns the numbers of its update.
  virtual UpdateArguments next(std::int64_t rows) = 0;
  /// The rate of the next update.
  virtual double current_rate() const = 0;
  /// "SGD(learning_rate=0.01, momentum=0.9)": the arguments that are not the defaults.
  virtual std::string text() const = 0;
  /// The same options and counters. Slots lie with the parameters.
  virtual std::unique_ptr<Solver> clone() const = 0;

  /// Before the policy.
  double learning_rate() const { return learning_rate_; }
  /// Takes effect with the next update. Throws ValueError unless finite and at least 0.
  void set_learning_rate(double rate);
  const Counters& counters() const { return counters_; }
  /// Throws ValueError when a counter is negative, or `pass` not below iteration_size.
  void set_counters(const Counters& counters);
  std::int64_t iteration_size() const { return iteration_size_; }

 protected:
  /// The part that all solvers share: clamping, counting, and summing in the last slot when iteration_size > 1.
  UpdateArguments count(std::int64_t rows, const Clamping& clamping);

  double learning_rate_ = 0.0;
  std::int64_t iteration_size_ = 1;
  Counters counters_;
};

/// Throws ValueError naming the argument when `value` is not finite or outside [low, high].
void expect_between(const char* argument, double value, double low, double high);
/// Throws ValueError naming the argument unless 0 <= value < 1.
void expect_below_one(const char* argument, double value);
Form form_of(const std::string& name);
std::string name_of(Form form);

}  // namespace n2d2::solvers
