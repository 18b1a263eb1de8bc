#include "n2d2/solvers/adam.h"

#include <fmt/core.h>

#include <cmath>

namespace n2d2::solvers {
namespace {

constexpr double kBelowOne = 1.0 - 1e-12;

}  // namespace

Adam::Adam(AdamOptions options) : options_(std::move(options)), clamping_(clamping_of(options_.clamping)) {
  set_learning_rate(options_.learning_rate);
  expect_between("beta1", options_.beta1, 0, kBelowOne);
  expect_between("beta2", options_.beta2, 0, kBelowOne);
  expect_between("epsilon", options_.epsilon, 0, std::numeric_limits<double>::infinity());
}

/// The forms n2d2 and torch correct the bias of both moments; keras folds both corrections into the step, so that its epsilon stands
/// beside the uncorrected root.
UpdateArguments Adam::next(std::int64_t rows) {
  ++iterations_;
  rows_seen_ += rows;
  const auto t = static_cast<double>(iterations_);
  const double first = 1.0 - std::pow(options_.beta1, t);
  const double second = 1.0 - std::pow(options_.beta2, t);
  const bool keras = options_.form == Form::keras;
  UpdateArguments arguments;
  arguments.kind = Kind::adam;
  arguments.form = options_.form;
  arguments.rate = static_cast<float>(learning_rate_);
  arguments.beta1 = static_cast<float>(options_.beta1);
  arguments.beta2 = static_cast<float>(options_.beta2);
  arguments.beta1_rest = static_cast<float>(1.0 - options_.beta1);
  arguments.beta2_rest = static_cast<float>(1.0 - options_.beta2);
  arguments.epsilon = static_cast<float>(options_.epsilon);
  arguments.step = static_cast<float>(keras ? learning_rate_ * std::sqrt(second) / first : learning_rate_ / first);
  arguments.second_scale = static_cast<float>(keras ? 1.0 : 1.0 / std::sqrt(second));
  arguments.clamp_low = static_cast<float>(clamping_.low);
  arguments.clamp_high = static_cast<float>(clamping_.high);
  return arguments;
}

std::string Adam::text() const {
  std::string text = fmt::format("Adam(learning_rate={}", learning_rate_);
  if (options_.beta1 != 0.9) text += fmt::format(", beta1={}", options_.beta1);
  if (options_.beta2 != 0.999) text += fmt::format(", beta2={}", options_.beta2);
  if (options_.epsilon != 1e-8) text += fmt::format(", epsilon={}", options_.epsilon);
  if (!options_.clamping.empty()) text += fmt::format(", clamping={}", options_.clamping);
  return text + ")";
}

}  // namespace n2d2::solvers
