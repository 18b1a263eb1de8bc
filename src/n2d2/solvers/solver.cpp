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

void expect_below_one(const char* argument, double value) {
  if (value >= 0.0 && value < 1.0) return;
  throw ValueError(fmt::format("{}: expected a number from 0 to below 1, got {}", argument, value));
}

void Solver::set_learning_rate(double rate) {
  expect_between("learning_rate", rate, 0.0, std::numeric_limits<double>::infinity());
  learning_rate_ = rate;
}

void Solver::set_counters(const Counters& counters) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  expect_between("iterations", static_cast<double>(counters.iterations), 0, kInfinity);
  expect_between("rows_seen", static_cast<double>(counters.rows_seen), 0, kInfinity);
  expect_between("pass_rows", static_cast<double>(counters.pass_rows), 0, kInfinity);
  expect_between("pass", static_cast<double>(counters.pass), 0, static_cast<double>(iteration_size_ - 1));
  counters_ = counters;
}

UpdateArguments Solver::count(std::int64_t rows, const Clamping& clamping) {
  UpdateArguments arguments;
  arguments.clamp_low = static_cast<float>(clamping.low);
  arguments.clamp_high = static_cast<float>(clamping.high);
  if (iteration_size_ > 1) {
    arguments.sum_slot = slots() - 1;
    arguments.gradient_scale = static_cast<float>(1.0 / static_cast<double>(iteration_size_));
  }
  arguments.apply = ++counters_.pass >= iteration_size_;
  counters_.pass_rows += rows;
  if (!arguments.apply) return arguments;
  ++counters_.iterations;
  counters_.rows_seen += counters_.pass_rows;
  counters_.pass = 0;
  counters_.pass_rows = 0;
  return arguments;
}

Form form_of(const std::string& name) {
  if (name == "n2d2") return Form::n2d2;
  if (name == "torch") return Form::torch;
  if (name == "keras") return Form::keras;
  throw ValueError(fmt::format("form: expected \"n2d2\", \"torch\" or \"keras\", got \"{}\"", name));
}

std::string name_of(Form form) { return form == Form::n2d2 ? "n2d2" : form == Form::torch ? "torch" : "keras"; }

}  // namespace n2d2::solvers
