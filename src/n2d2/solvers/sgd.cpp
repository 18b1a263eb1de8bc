#include "n2d2/solvers/sgd.h"

#include <fmt/core.h>

#include "n2d2/core/error.h"

namespace n2d2::solvers {

Sgd::Sgd(SgdOptions options) : options_(std::move(options)), clamping_(clamping_of(options_.clamping)) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  set_learning_rate(options_.learning_rate);
  expect_between("momentum", options_.momentum, 0, 1);
  expect_between("decay", options_.decay, 0, infinity);
  expect_between("iteration_size", static_cast<double>(options_.iteration_size), 1, infinity);
  if (options_.nesterov && options_.momentum == 0.0) throw ValueError("nesterov: needs a momentum above 0");
  options_.schedule.check();
  iteration_size_ = options_.iteration_size;
}

int Sgd::slots() const { return (options_.momentum > 0.0 ? 1 : 0) + (options_.iteration_size > 1 ? 1 : 0); }

double Sgd::current_rate() const { return learning_rate_ * options_.schedule.factor(counters_.iterations, counters_.rows_seen); }

UpdateArguments Sgd::next(std::int64_t rows) {
  const double rate = current_rate();
  UpdateArguments arguments = count(rows, clamping_);
  arguments.kind = Kind::sgd;
  arguments.form = options_.form;
  arguments.rate = static_cast<float>(rate);
  arguments.momentum = static_cast<float>(options_.momentum);
  arguments.nesterov = options_.nesterov;
  if (options_.form == Form::keras) {
    arguments.keep = static_cast<float>(1.0 - rate * options_.decay);
  } else {
    arguments.decay = static_cast<float>(options_.decay);
  }
  return arguments;
}

std::string Sgd::text() const {
  std::string text = fmt::format("SGD(learning_rate={}", learning_rate_);
  if (options_.momentum != 0.0) text += fmt::format(", momentum={}", options_.momentum);
  if (options_.nesterov) text += ", nesterov=True";
  if (options_.decay != 0.0) text += fmt::format(", decay={}", options_.decay);
  text += options_.schedule.text();
  if (options_.iteration_size != 1) text += fmt::format(", iteration_size={}", options_.iteration_size);
  if (!options_.clamping.empty()) text += fmt::format(", clamping='{}'", options_.clamping);
  if (options_.form != Form::n2d2) text += fmt::format(", form='{}'", name_of(options_.form));
  return text + ")";
}

}  // namespace n2d2::solvers
