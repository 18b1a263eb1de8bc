#include "n2d2/solvers/adam.h"

#include <fmt/core.h>

#include <cmath>

namespace n2d2::solvers {
namespace {

/// Keras computes this in float32, and 1 - beta2^t has few digits left at the beginning of a training.
float keras_step(const AdamOptions& options, double learning_rate, double t) {
  const float power1 = std::pow(static_cast<float>(options.beta1), static_cast<float>(t));
  const float power2 = std::pow(static_cast<float>(options.beta2), static_cast<float>(t));
  return static_cast<float>(learning_rate) * std::sqrt(1.0F - power2) / (1.0F - power1);
}

}  // namespace

Adam::Adam(AdamOptions options) : options_(std::move(options)), clamping_(clamping_of(options_.clamping)) {
  set_learning_rate(options_.learning_rate);
  expect_below_one("beta1", options_.beta1);
  expect_below_one("beta2", options_.beta2);
  expect_between("epsilon", options_.epsilon, 0, std::numeric_limits<double>::infinity());
  expect_between("decay", options_.decay, 0, std::numeric_limits<double>::infinity());
  expect_between("iteration_size", static_cast<double>(options_.iteration_size), 1, std::numeric_limits<double>::infinity());
  iteration_size_ = options_.iteration_size;
}

/// The forms n2d2 and torch correct the bias of both moments; keras folds both corrections into the step, so that its epsilon stands
/// beside the uncorrected root.
UpdateArguments Adam::next(std::int64_t rows) {
  const auto t = static_cast<double>(counters_.iterations + 1);
  const bool keras = options_.form == Form::keras;
  UpdateArguments arguments = count(rows, clamping_);
  arguments.kind = Kind::adam;
  arguments.form = options_.form;
  arguments.rate = static_cast<float>(learning_rate_);
  arguments.beta2 = static_cast<float>(options_.beta2);
  arguments.beta1_rest = static_cast<float>(1.0 - options_.beta1);
  arguments.beta2_rest = static_cast<float>(1.0 - options_.beta2);
  arguments.epsilon = static_cast<float>(options_.epsilon);
  if (keras) {
    arguments.step = keras_step(options_, learning_rate_, t);
  } else {
    arguments.step = static_cast<float>(learning_rate_ / (1.0 - std::pow(options_.beta1, t)));
    arguments.second_scale = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(options_.beta2, t)));
  }
  if (keras || options_.decoupled_decay) {
    arguments.keep = static_cast<float>(1.0 - learning_rate_ * options_.decay);
  } else {
    arguments.decay = static_cast<float>(options_.decay);
  }
  return arguments;
}

std::string Adam::text() const {
  const AdamOptions defaults;
  std::string text = fmt::format("Adam(learning_rate={}", learning_rate_);
  if (options_.beta1 != defaults.beta1) text += fmt::format(", beta1={}", options_.beta1);
  if (options_.beta2 != defaults.beta2) text += fmt::format(", beta2={}", options_.beta2);
  if (options_.epsilon != defaults.epsilon) text += fmt::format(", epsilon={}", options_.epsilon);
  if (options_.decay != 0.0) text += fmt::format(", decay={}", options_.decay);
  if (options_.decoupled_decay) text += ", decoupled_decay=True";
  if (options_.iteration_size != 1) text += fmt::format(", iteration_size={}", options_.iteration_size);
  if (!options_.clamping.empty()) text += fmt::format(", clamping='{}'", options_.clamping);
  if (options_.form != Form::n2d2) text += fmt::format(", form='{}'", name_of(options_.form));
  return text + ")";
}

}  // namespace n2d2::solvers
