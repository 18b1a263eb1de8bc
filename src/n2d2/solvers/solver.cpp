#include "n2d2/solvers/solver.h"

#include <fmt/core.h>

#include <cmath>
#include <cstdlib>

#include "n2d2/core/error.h"

namespace n2d2::solvers {
namespace {

double bound_of(const std::string& side, const std::string& whole, double absent) {
  if (side.empty() || side == "min" || side == "max") return absent;
  char* end = nullptr;
  const double bound = std::strtod(side.c_str(), &end);
  if (end != side.c_str() + side.size() || std::isnan(bound)) {
    throw ValueError(fmt::format("clamping: '{}' is not \"min:max\" with numbers, such as \"-1:1\", \"0:\" or \":1\"", whole));
  }
  return bound;
}

}  // namespace

Clamping clamping_of(const std::string& text) {
  Clamping clamping;
  if (text.empty()) return clamping;
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) throw ValueError(fmt::format("clamping: '{}' has no colon; write \"min:max\", such as \"-1:1\"", text));
  clamping.low = bound_of(text.substr(0, colon), text, clamping.low);
  clamping.high = bound_of(text.substr(colon + 1), text, clamping.high);
  if (clamping.low > clamping.high) throw ValueError(fmt::format("clamping: '{}' leaves no room between its bounds", text));
  return clamping;
}

void expect_between(const char* argument, double value, double low, double high) {
  if (std::isfinite(value) && value >= low && value <= high) return;
  if (std::isinf(high)) throw ValueError(fmt::format("{}: expected a number of at least {}, got {}", argument, low, value));
  throw ValueError(fmt::format("{}: expected a number from {} to {}, got {}", argument, low, high, value));
}

void Solver::set_learning_rate(double rate) {
  expect_between("learning_rate", rate, 0.0, std::numeric_limits<double>::infinity());
  learning_rate_ = rate;
}

Form form_of(const std::string& name) {
  if (name == "n2d2") return Form::n2d2;
  if (name == "torch") return Form::torch;
  if (name == "keras") return Form::keras;
  throw ValueError(fmt::format("form: expected \"n2d2\", \"torch\" or \"keras\", got \"{}\"", name));
}

}  // namespace n2d2::solvers
