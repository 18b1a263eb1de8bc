#include "n2d2/solvers/schedule.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string_view>

#include "n2d2/core/error.h"
#include "n2d2/solvers/solver.h"

namespace n2d2::solvers {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::array<std::string_view, 7> kPolicies = {"None",      "StepDecay", "ExponentialDecay", "InvTDecay",
                                                       "PolyDecay", "InvDecay",  "CosineDecay"};

}  // namespace

void Schedule::check() const {
  if (std::find(kPolicies.begin(), kPolicies.end(), policy) == kPolicies.end()) {
    throw ValueError(fmt::format(
        "learning_rate_policy: '{}' is none of None, StepDecay, ExponentialDecay, InvTDecay, PolyDecay, InvDecay, CosineDecay", policy));
  }
  expect_between("learning_rate_step_size", static_cast<double>(step_size), 1, kInfinity);
  expect_between("learning_rate_decay", decay, 0, kInfinity);
  expect_between("power", power, 0, kInfinity);
  expect_between("warm_up_duration", static_cast<double>(warm_up_duration), 0, kInfinity);
  expect_between("warm_up_lr_frac", warm_up_lr_frac, 0, 1);
  expect_between("min_decay", min_decay, 0, 1);
  const bool has_end = policy == "PolyDecay" || policy == "CosineDecay";
  expect_between("max_iterations", static_cast<double>(max_iterations), has_end ? 1 : 0, kInfinity);
  if (policy == "CosineDecay" && warm_up_duration >= max_iterations) {
    throw ValueError(
        fmt::format("warm_up_duration: expected fewer steps than max_iterations ({}), got {}", max_iterations, warm_up_duration));
  }
}

double Schedule::factor(std::int64_t updates, std::int64_t rows) const {
  const auto end = static_cast<double>(max_iterations);
  auto k = static_cast<double>(updates);
  auto seen = static_cast<double>(rows);
  if (max_iterations > 0 && policy != "CosineDecay" && k > end) {
    seen *= end / k;  // the rows of the first max_iterations updates, which were of one size
    k = end;
  }
  const double t = std::floor(seen / static_cast<double>(step_size));
  const auto warm_up = static_cast<double>(warm_up_duration);
  if (t < warm_up) return warm_up_lr_frac + (1.0 - warm_up_lr_frac) * t / warm_up;
  double factor = 1.0;
  if (policy == "StepDecay") factor = std::pow(decay, t);
  if (policy == "ExponentialDecay") factor = std::exp(-decay * t);
  if (policy == "InvTDecay") factor = 1.0 / (1.0 + decay * t);
  if (policy == "PolyDecay") factor = std::pow(1.0 - k / end, power);
  if (policy == "InvDecay") factor = std::pow(1.0 + decay * k, -power);
  if (policy == "CosineDecay") {
    const double progress = std::min(1.0, (t - warm_up) / (end - warm_up));
    factor = min_decay + (1.0 - min_decay) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  }
  return std::max(factor, min_decay);
}

std::string Schedule::text() const {
  const Schedule defaults;
  std::string text;
  if (policy != defaults.policy) text += fmt::format(", learning_rate_policy='{}'", policy);
  if (step_size != defaults.step_size) text += fmt::format(", learning_rate_step_size={}", step_size);
  if (decay != defaults.decay) text += fmt::format(", learning_rate_decay={}", decay);
  if (power != defaults.power) text += fmt::format(", power={}", power);
  if (max_iterations != defaults.max_iterations) text += fmt::format(", max_iterations={}", max_iterations);
  if (warm_up_duration != defaults.warm_up_duration) text += fmt::format(", warm_up_duration={}", warm_up_duration);
  if (warm_up_lr_frac != defaults.warm_up_lr_frac) text += fmt::format(", warm_up_lr_frac={}", warm_up_lr_frac);
  if (min_decay != defaults.min_decay) text += fmt::format(", min_decay={}", min_decay);
  return text;
}

}  // namespace n2d2::solvers
