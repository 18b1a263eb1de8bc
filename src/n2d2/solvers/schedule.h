// How the learning rate changes while training goes on.
#pragma once
#include <cstdint>
#include <string>

namespace n2d2::solvers {

/// The rate is learning_rate times a factor. With t = rows seen / learning_rate_step_size, rounded down, k = updates done,
/// T = max_iterations, u = warm_up_duration and d = learning_rate_decay:
///   None              1
///   StepDecay         d^t
///   ExponentialDecay  exp(-d * t)
///   InvTDecay         1 / (1 + d * t)
///   PolyDecay         (1 - k / T)^power
///   InvDecay          (1 + d * k)^-power
///   CosineDecay       min_decay + (1 - min_decay) * (1 + cos(pi * (t - u) / (T - u))) / 2
/// No factor falls below min_decay. After T updates (steps t for CosineDecay; 0: never) it stays where it is.
/// While t < u the factor is f + (1 - f) * t / u instead, with f = warm_up_lr_frac.
struct Schedule {
  std::string policy = "None";
  std::int64_t step_size = 1;  ///< rows
  double decay = 0.1;
  double power = 0.0;
  std::int64_t max_iterations = 0;    ///< updates; CosineDecay: steps t
  std::int64_t warm_up_duration = 0;  ///< steps t
  double warm_up_lr_frac = 0.25;
  double min_decay = 0.0;

  /// Throws ValueError naming the argument.
  void check() const;
  double factor(std::int64_t updates, std::int64_t rows) const;
  /// ", learning_rate_policy='StepDecay', ...": the arguments that are not the defaults.
  std::string text() const;
};

}  // namespace n2d2::solvers
