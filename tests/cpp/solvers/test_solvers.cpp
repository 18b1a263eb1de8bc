// Counting, options and texts of the solvers; their arithmetic is in test_update.cpp.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "n2d2/core/error.h"
#include "n2d2/solvers/adam.h"
#include "n2d2/solvers/sgd.h"

namespace n2d2::solvers {
namespace {

template <class Made, class Options>
std::string complaint(const Options& options) {
  try {
    Made made(options);
  } catch (const ValueError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("solvers refuse arguments out of range by name") {
  CHECK(complaint<Sgd>(SgdOptions{.learning_rate = -1}) == "learning_rate: expected a number of at least 0, got -1");
  CHECK(complaint<Sgd>(SgdOptions{.learning_rate = INFINITY}) == "learning_rate: expected a number of at least 0, got inf");
  CHECK(complaint<Sgd>(SgdOptions{.momentum = 1.5}) == "momentum: expected a number from 0 to 1, got 1.5");
  CHECK(complaint<Sgd>(SgdOptions{.nesterov = true}) == "nesterov: needs a momentum above 0");
  CHECK(complaint<Sgd>(SgdOptions{.iteration_size = 0}) == "iteration_size: expected a number of at least 1, got 0");
  CHECK(complaint<Sgd>(SgdOptions{.clamping = "1"}).find("clamping: '1' has no colon") == 0);
  CHECK(complaint<Sgd>(SgdOptions{.clamping = "a:1"}).find("clamping: 'a:1'") == 0);
  CHECK(complaint<Sgd>(SgdOptions{.clamping = "2:1"}).find("clamping: '2:1'") == 0);
  CHECK(complaint<Adam>(AdamOptions{.beta1 = 1}) == "beta1: expected a number from 0 to below 1, got 1");
  CHECK(complaint<Adam>(AdamOptions{.beta2 = -0.1}) == "beta2: expected a number from 0 to below 1, got -0.1");
  CHECK(complaint<Adam>(AdamOptions{.epsilon = -1}) == "epsilon: expected a number of at least 0, got -1");
  CHECK_THROWS_WITH_AS(form_of("jax"), "form: expected \"n2d2\", \"torch\" or \"keras\", got \"jax\"", ValueError);
}

TEST_CASE("slots: velocity, two moments, and the sum last") {
  CHECK(Sgd({}).slots() == 0);
  CHECK(Sgd({.momentum = 0.9}).slots() == 1);
  CHECK(Sgd({.momentum = 0.9, .iteration_size = 2}).slots() == 2);
  CHECK(Sgd({.momentum = 0.9, .iteration_size = 2}).next(1).sum_slot == 1);
  CHECK(Sgd({.iteration_size = 2}).next(1).sum_slot == 0);
  CHECK(Adam({}).slots() == 2);
  CHECK(Adam({.iteration_size = 3}).next(1).sum_slot == 2);
  CHECK(Adam({}).next(1).sum_slot == -1);
}

TEST_CASE("iteration_size: every third gradient updates, and only then the schedule moves") {
  Sgd sgd({.schedule = {.policy = "StepDecay", .step_size = 30, .decay = 0.5}, .iteration_size = 3});
  for (const float rate : {0.01F, 0.005F, 0.0025F}) {
    CHECK_FALSE(sgd.next(10).apply);
    CHECK(sgd.counters().pass == 1);
    CHECK(sgd.counters().pass_rows == 10);
    CHECK_FALSE(sgd.next(10).apply);
    const UpdateArguments arguments = sgd.next(10);
    CHECK(arguments.apply);
    CHECK(arguments.rate == rate);
    CHECK(arguments.gradient_scale == static_cast<float>(1.0 / 3.0));
  }
  CHECK(sgd.counters() == Counters{.iterations = 3, .rows_seen = 90});
}

TEST_CASE("rates can be set, counters restored, and a clone goes on by itself") {
  Adam adam({.beta1 = 0.5, .beta2 = 0.75});
  CHECK(adam.next(4).step == doctest::Approx(0.002));
  CHECK(adam.next(4).second_scale == doctest::Approx(1.0 / std::sqrt(1.0 - 0.5625)));
  adam.set_learning_rate(0.5);
  const auto clone = adam.clone();
  CHECK(clone->next(4).step == doctest::Approx(0.5 / 0.875));
  CHECK(adam.counters() == Counters{.iterations = 2, .rows_seen = 8});
  CHECK(clone->counters() == Counters{.iterations = 3, .rows_seen = 12});
  Adam restored({.learning_rate = 0.5, .beta1 = 0.5, .beta2 = 0.75});
  restored.set_counters(adam.counters());
  CHECK(restored.next(4).step == doctest::Approx(0.5 / 0.875));
  CHECK_THROWS_AS(adam.set_learning_rate(-0.1), ValueError);
  CHECK_THROWS_AS(adam.set_counters({.iterations = -1}), ValueError);
  CHECK_THROWS_AS(adam.set_counters({.pass = 1}), ValueError);
}

TEST_CASE("texts name what is not the default") {
  CHECK(Sgd({}).text() == "SGD(learning_rate=0.01)");
  CHECK(
      Sgd({.momentum = 0.9, .nesterov = true, .decay = 0.0005, .schedule = {.policy = "StepDecay", .step_size = 48000}, .clamping = "-1:1"})
          .text() ==
      "SGD(learning_rate=0.01, momentum=0.9, nesterov=True, decay=0.0005, learning_rate_policy='StepDecay', learning_rate_step_size=48000, "
      "clamping='-1:1')");
  CHECK(Adam({.epsilon = 1e-7, .form = Form::keras}).text() == "Adam(learning_rate=0.001, epsilon=1e-07, form='keras')");
  CHECK(Adam({.decay = 0.01, .decoupled_decay = true}).text() == "Adam(learning_rate=0.001, decay=0.01, decoupled_decay=True)");
}

}  // namespace
}  // namespace n2d2::solvers
