// A solver turns gradients into updates: it keeps the count and the schedule, a backend's vector loop does the arithmetic.
#pragma once
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

namespace n2d2::solvers {

/// Whose formula: they differ when the rate changes, in weight decay and in where epsilon stands.
enum class Form { n2d2, torch, keras };
enum class Kind { sgd, adam };

/// The numbers of one update, the same for every element. With g the gradient (see gradient_scale), w a weight and, by name, its slots:
///
///   SGD, n2d2 and keras:  v = momentum * v + rate * (g + decay * w);  w -= nesterov ? momentum * v + rate * (g + decay * w) : v
///   SGD, torch:           d = g + decay * w;  v = momentum * v + d;   w -= rate * (nesterov ? d + momentum * v : v)
///   without momentum      w -= rate * (g + decay * w), and there is no slot v
///   Adam, all forms:      m += (1 - beta1) * (g - m);  v += (1 - beta2) * (g * g - v);  w -= step * m / (sqrt(v) * second_scale + epsilon)
///   then                  w = min(max(w, clamp_low), clamp_high)
///
/// Slots: v for SGD with momentum; m, v for Adam; last, when sum_slot >= 0, the sum s of the gradients of several backward passes:
/// s += gradient, and when `apply`, g = gradient_scale * s and s = 0. Without it g = gradient_scale * gradient.
/// Sources: Sutskever et al. 2013 (SGD); Kingma and Ba 2015, algorithm 1 (Adam); torch.optim and keras.optimizers for their forms.
struct UpdateArguments {
  Kind kind = Kind::sgd;
  Form form = Form::n2d2;
  bool apply = true;
  int sum_slot = -1;
  float gradient_scale = 1.0F;
  float rate = 0.0F;
  float momentum = 0.0F;
  bool nesterov = false;
  float decay = 0.0F;
  float beta1 = 0.0F;
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

class Solver {
 public:
  virtual ~Solver() = default;
  /// Floats of state per weight.
  virtual int slots() const = 0;
  /// Counts one more update, made from gradients of `rows` rows, and returns its numbers.
  virtual UpdateArguments next(std::int64_t rows) = 0;
  /// The rate of the next update.
  virtual double current_rate() const = 0;
  /// "SGD(learning_rate=0.01, momentum=0.9)": the arguments that are not the defaults.
  virtual std::string text() const = 0;
  virtual std::unique_ptr<Solver> clone() const = 0;

  double learning_rate() const { return learning_rate_; }
  /// Throws ValueError unless finite and at least 0.
  void set_learning_rate(double rate);
  std::int64_t iterations() const { return iterations_; }
  void set_iterations(std::int64_t iterations) { iterations_ = iterations; }
  std::int64_t rows_seen() const { return rows_seen_; }
  void set_rows_seen(std::int64_t rows) { rows_seen_ = rows; }

 protected:
  double learning_rate_ = 0.0;
  std::int64_t iterations_ = 0;  ///< updates done
  std::int64_t rows_seen_ = 0;
};

/// Throws ValueError naming the argument when `value` is not finite or outside [low, high].
void expect_between(const char* argument, double value, double low, double high);
Form form_of(const std::string& name);

}  // namespace n2d2::solvers
