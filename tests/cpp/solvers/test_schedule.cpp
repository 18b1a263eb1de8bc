// Factors of the learning rate against numbers computed by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "n2d2/core/error.h"
#include "n2d2/solvers/schedule.h"

namespace n2d2::solvers {
namespace {

TEST_CASE("without a policy the factor is 1") { CHECK(Schedule{}.factor(1000, 32000) == 1.0); }

TEST_CASE("StepDecay, ExponentialDecay and InvTDecay step every learning_rate_step_size rows") {
  Schedule schedule{.policy = "StepDecay", .step_size = 100, .decay = 0.5};
  CHECK(schedule.factor(3, 99) == 1.0);
  CHECK(schedule.factor(4, 100) == 0.5);
  CHECK(schedule.factor(9, 250) == 0.25);
  schedule.policy = "ExponentialDecay";
  CHECK(schedule.factor(3, 99) == 1.0);
  CHECK(schedule.factor(9, 250) == doctest::Approx(0.36787944117144233).epsilon(1e-14));
  schedule.policy = "InvTDecay";
  CHECK(schedule.factor(9, 299) == 0.5);
  CHECK(schedule.factor(9, 600) == 0.25);
}

TEST_CASE("PolyDecay and InvDecay count updates") {
  const Schedule poly{.policy = "PolyDecay", .power = 2.0, .max_iterations = 10};
  CHECK(poly.factor(0, 0) == 1.0);
  CHECK(poly.factor(5, 12345) == 0.25);
  CHECK(poly.factor(10, 0) == 0.0);
  CHECK(poly.factor(99, 0) == 0.0);
  const Schedule inverse{.policy = "InvDecay", .decay = 0.75, .power = 0.5};
  CHECK(inverse.factor(4, 12345) == 0.5);
}

TEST_CASE("CosineDecay: warm-up, half a wave, then the least factor") {
  const Schedule cosine{
      .policy = "CosineDecay", .step_size = 10, .max_iterations = 12, .warm_up_duration = 4, .warm_up_lr_frac = 0.2, .min_decay = 0.1};
  CHECK(cosine.factor(0, 0) == doctest::Approx(0.2).epsilon(1e-14));
  CHECK(cosine.factor(0, 29) == doctest::Approx(0.6).epsilon(1e-14));
  CHECK(cosine.factor(0, 40) == 1.0);
  CHECK(cosine.factor(0, 80) == doctest::Approx(0.55).epsilon(1e-14));
  CHECK(cosine.factor(0, 120) == doctest::Approx(0.1).epsilon(1e-14));
  CHECK(cosine.factor(0, 100000) == doctest::Approx(0.1).epsilon(1e-14));
}

TEST_CASE("after max_iterations the factor stays; none falls below min_decay; warm-up goes before any policy") {
  Schedule step{.policy = "StepDecay", .step_size = 10, .decay = 0.5, .max_iterations = 4};
  CHECK(step.factor(4, 20) == 0.25);
  CHECK(step.factor(400, 2000) == 0.25);
  step.min_decay = 0.4;
  CHECK(step.factor(4, 20) == 0.4);
  const Schedule plain{.step_size = 2, .warm_up_duration = 2, .warm_up_lr_frac = 0.0};
  CHECK(plain.factor(0, 0) == 0.0);
  CHECK(plain.factor(1, 2) == 0.5);
  CHECK(plain.factor(2, 4) == 1.0);
}

std::string complaint(const Schedule& schedule) {
  try {
    schedule.check();
  } catch (const ValueError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("arguments out of range are named with their range and value") {
  CHECK(complaint({}) == "");
  CHECK(complaint({.policy = "Sine"}).find("learning_rate_policy: 'Sine' is none of None, StepDecay") == 0);
  CHECK(complaint({.step_size = 0}) == "learning_rate_step_size: expected a number of at least 1, got 0");
  CHECK(complaint({.decay = -1}) == "learning_rate_decay: expected a number of at least 0, got -1");
  CHECK(complaint({.power = NAN}) == "power: expected a number of at least 0, got nan");
  CHECK(complaint({.policy = "PolyDecay"}) == "max_iterations: expected a number of at least 1, got 0");
  CHECK(complaint({.policy = "CosineDecay", .max_iterations = 3, .warm_up_duration = 3}) ==
        "warm_up_duration: expected fewer steps than max_iterations (3), got 3");
  CHECK(complaint({.warm_up_lr_frac = 1.5}) == "warm_up_lr_frac: expected a number from 0 to 1, got 1.5");
  CHECK(complaint({.min_decay = -0.1}) == "min_decay: expected a number from 0 to 1, got -0.1");
}

}  // namespace
}  // namespace n2d2::solvers
