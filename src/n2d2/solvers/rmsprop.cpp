#include "n2d2/solvers/rmsprop.h"

#include <fmt/core.h>

namespace n2d2::solvers {

Rmsprop::Rmsprop(RmspropOptions options) : options_(std::move(options)), clamping_(clamping_of(options_.clamping)) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  set_learning_rate(options_.learning_rate);
  expect_below_one("rho", options_.rho);
  expect_between("momentum", options_.momentum, 0, 1);
  expect_between("epsilon", options_.epsilon, 0, infinity);
  expect_between("decay", options_.decay, 0, infinity);
  expect_between("iteration_size", static_cast<double>(options_.iteration_size), 1, infinity);
  iteration_size_ = options_.iteration_size;
}

UpdateArguments Rmsprop::next(std::int64_t rows) {
  UpdateArguments arguments = count(rows, clamping_);
  arguments.kind = Kind::rmsprop;
  arguments.form = options_.form;
  arguments.rate = static_cast<float>(learning_rate_);
  arguments.momentum = static_cast<float>(options_.momentum);
  arguments.beta2 = static_cast<float>(options_.rho);
  arguments.beta2_rest = static_cast<float>(1.0 - options_.rho);
  arguments.epsilon = static_cast<float>(options_.epsilon);
  if (options_.form == Form::keras) {
    arguments.keep = static_cast<float>(1.0 - learning_rate_ * options_.decay);
  } else {
    arguments.decay = static_cast<float>(options_.decay);
  }
  return arguments;
}

std::string Rmsprop::text() const {
  const RmspropOptions defaults;
  std::string text = fmt::format("RMSprop(learning_rate={}", learning_rate_);
  if (options_.rho != defaults.rho) text += fmt::format(", rho={}", options_.rho);
  if (options_.momentum != 0.0) text += fmt::format(", momentum={}", options_.momentum);
  if (options_.epsilon != defaults.epsilon) text += fmt::format(", epsilon={}", options_.epsilon);
  if (options_.decay != 0.0) text += fmt::format(", decay={}", options_.decay);
  if (options_.iteration_size != 1) text += fmt::format(", iteration_size={}", options_.iteration_size);
  if (!options_.clamping.empty()) text += fmt::format(", clamping='{}'", options_.clamping);
  if (options_.form != Form::n2d2) text += fmt::format(", form='{}'", name_of(options_.form));
  return text + ")";
}

}  // namespace n2d2::solvers
