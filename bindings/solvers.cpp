// Solvers for Python; python/n2d2/solver.py wraps them.
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include "bindings.h"
#include "n2d2/solvers/adam.h"
#include "n2d2/solvers/rmsprop.h"
#include "n2d2/solvers/sgd.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace n2d2::bindings {
namespace {

using solvers::Counters;
using solvers::Solver;

template <std::int64_t Counters::* member>
std::int64_t counter(const Solver& solver) {
  return solver.counters().*member;
}

template <std::int64_t Counters::* member>
void set_counter(Solver& solver, std::int64_t value) {
  Counters counters = solver.counters();
  counters.*member = value;
  solver.set_counters(counters);
}

std::shared_ptr<Solver> sgd(double learning_rate, double momentum, bool nesterov, double decay, double min_decay,
                            const std::string& learning_rate_policy, std::int64_t learning_rate_step_size, double learning_rate_decay,
                            double power, std::int64_t max_iterations, std::int64_t iteration_size, std::int64_t warm_up_duration,
                            double warm_up_lr_frac, const std::string& clamping, const std::string& form) {
  return std::make_shared<solvers::Sgd>(solvers::SgdOptions{.learning_rate = learning_rate,
                                                            .momentum = momentum,
                                                            .nesterov = nesterov,
                                                            .decay = decay,
                                                            .schedule = {.policy = learning_rate_policy,
                                                                         .step_size = learning_rate_step_size,
                                                                         .decay = learning_rate_decay,
                                                                         .power = power,
                                                                         .max_iterations = max_iterations,
                                                                         .warm_up_duration = warm_up_duration,
                                                                         .warm_up_lr_frac = warm_up_lr_frac,
                                                                         .min_decay = min_decay},
                                                            .iteration_size = iteration_size,
                                                            .clamping = clamping,
                                                            .form = solvers::form_of(form)});
}

std::shared_ptr<Solver> adam(double learning_rate, double beta1, double beta2, double epsilon, const std::string& clamping,
                             const std::string& form, double decay, bool decoupled_decay, std::int64_t iteration_size) {
  return std::make_shared<solvers::Adam>(solvers::AdamOptions{.learning_rate = learning_rate,
                                                              .beta1 = beta1,
                                                              .beta2 = beta2,
                                                              .epsilon = epsilon,
                                                              .clamping = clamping,
                                                              .decay = decay,
                                                              .decoupled_decay = decoupled_decay,
                                                              .iteration_size = iteration_size,
                                                              .form = solvers::form_of(form)});
}

std::shared_ptr<Solver> rmsprop(double learning_rate, double rho, double momentum, double epsilon, const std::string& clamping,
                                const std::string& form, double decay, std::int64_t iteration_size) {
  return std::make_shared<solvers::Rmsprop>(solvers::RmspropOptions{.learning_rate = learning_rate,
                                                                    .rho = rho,
                                                                    .momentum = momentum,
                                                                    .epsilon = epsilon,
                                                                    .clamping = clamping,
                                                                    .decay = decay,
                                                                    .iteration_size = iteration_size,
                                                                    .form = solvers::form_of(form)});
}

}  // namespace

void bind_solvers(nb::module_& m) {
  nb::class_<Solver>(m, "Solver", "Counts, schedules and formulas of one solver.")
      .def_prop_rw("learning_rate", &Solver::learning_rate, &Solver::set_learning_rate)
      .def_prop_ro("current_rate", &Solver::current_rate)
      .def_prop_rw("iterations", &counter<&Counters::iterations>, &set_counter<&Counters::iterations>)
      .def_prop_rw("rows_seen", &counter<&Counters::rows_seen>, &set_counter<&Counters::rows_seen>)
      .def_prop_rw("passes", &counter<&Counters::pass>, &set_counter<&Counters::pass>)
      .def_prop_rw("pass_rows", &counter<&Counters::pass_rows>, &set_counter<&Counters::pass_rows>)
      .def_prop_ro("iteration_size", &Solver::iteration_size)
      .def_prop_ro("slots", &Solver::slots)
      .def("text", &Solver::text)
      .def("clone", [](const Solver& solver) { return std::shared_ptr<Solver>(solver.clone()); });
  m.def("sgd", &sgd, "learning_rate"_a = 0.01, "momentum"_a = 0.0, "nesterov"_a = false, "decay"_a = 0.0, "min_decay"_a = 0.0,
        "learning_rate_policy"_a = "None", "learning_rate_step_size"_a = 1, "learning_rate_decay"_a = 0.1, "power"_a = 0.0,
        "max_iterations"_a = 0, "iteration_size"_a = 1, "warm_up_duration"_a = 0, "warm_up_lr_frac"_a = 0.25, "clamping"_a = "",
        "form"_a = "n2d2");
  m.def("adam", &adam, "learning_rate"_a = 0.001, "beta1"_a = 0.9, "beta2"_a = 0.999, "epsilon"_a = 1e-8, "clamping"_a = "",
        "form"_a = "n2d2", "decay"_a = 0.0, "decoupled_decay"_a = false, "iteration_size"_a = 1);
  m.def("rmsprop", &rmsprop, "learning_rate"_a = 0.001, "rho"_a = 0.9, "momentum"_a = 0.0, "epsilon"_a = 1e-8, "clamping"_a = "",
        "form"_a = "n2d2", "decay"_a = 0.0, "iteration_size"_a = 1);
}

}  // namespace n2d2::bindings
