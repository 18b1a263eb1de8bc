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
    throw ValueError(fmt::format("learning_rate_policy: '{}' is none of None, StepDecay, ExponentialDecay, InvTDecay, PolyDecay, InvDecay, CosineDecay",
                                 policy));
  }
  expect_between("learning_rate_step_size", static_cast<double>(step_size), 1, kInfinity);
  expect_between("learning_rate_decay", decay, 0, kInfinity);
  expect_between("power", power, 0, kInfinity);
  expect_between("warm_up_duration", static_cast<double>(warm_up_duration), 0, kInfinity);
  expect_between("warm_up_lr_frac", warm_up_lr_frac, 0, 1);
  expect_between("min_decay", min_decay, 0, 1);
  const bool has_end = policy == "PolyDecay" || policy == "CosineDecay";
  expect_between("max_iterations", static_cast<double>(max_iterations), has_end ? 1 : 0, kInfinity);
}

double Schedule::factor(std::int64_t updates, std::int64_t rows) const {
  const double steps = static_cast<double>(rows) / static_cast<double>(step_size);
  const auto k = static_cast<double>(updates);
  const double progress = max_iterations > 0 ? std::min(1.0, k / static_cast<double>(max_iterations)) : 0.0;
  double factor = 1.0;
  if (policy == "StepDecay") factor = std::pow(decay, std::floor(steps));
  if (policy == "ExponentialDecay") factor = std::exp(-decay * steps);
  if (policy == "InvTDecay") factor = 1.0 / (1.0 + decay * steps);
  if (policy == "InvDecay") factor = std::pow(1.0 + decay * k, -power);
  if (policy == "PolyDecay") factor = std::pow(1.0 - progress, power);
  if (policy == "CosineDecay") factor = min_decay + (1.0 - min_decay) * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
  factor = std::max(factor, min_decay);
  if (updates >= warm_up_duration) return factor;
  return factor * (warm_up_lr_frac + (1.0 - warm_up_lr_frac) * k / static_cast<double>(warm_up_duration));
}

}  // namespace n2d2::solvers
