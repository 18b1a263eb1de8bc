// How the learning rate changes while training goes on.
#pragma once
#include <cstdint>
#include <string>

namespace n2d2::solvers {

/// The rate is learning_rate times a factor. With t = rows seen / learning_rate_step_size, k = updates done and d = learning_rate_decay:
///   None 1;  StepDecay d^floor(t);  ExponentialDecay exp(-d * t);  InvTDecay 1 / (1 + d * t);  InvDecay (1 + d * k)^-power;
///   PolyDecay (1 - k / max_iterations)^power;  CosineDecay min_decay + (1 - min_decay) * (1 + cos(pi * k / max_iterations)) / 2.
/// The last two stay where they are after max_iterations. During the first warm_up_duration updates the factor is multiplied by
/// f + (1 - f) * k / warm_up_duration, with f = warm_up_lr_frac. No factor falls below min_decay.
struct Schedule {
  std::string policy = "None";
  std::int64_t step_size = 1;  ///< rows
  double decay = 0.1;
  double power = 0.0;
  std::int64_t max_iterations = 0;   ///< updates
  std::int64_t warm_up_duration = 0; ///< updates
  double warm_up_lr_frac = 0.25;
  double min_decay = 0.0;

  /// Throws ValueError naming the argument.
  void check() const;
  double factor(std::int64_t updates, std::int64_t rows) const;
};

}  // namespace n2d2::solvers
