// Stochastic gradient descent with momentum, weight decay and a schedule.
#pragma once
#include "n2d2/solvers/schedule.h"
#include "n2d2/solvers/solver.h"

namespace n2d2::solvers {

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0.0;
  bool nesterov = false;
  double decay = 0.0;  ///< of the weights. n2d2, torch: decay * w joins the gradient; keras: w shrinks by rate * decay, as its weight_decay
  Schedule schedule;
  std::int64_t iteration_size = 1;  ///< backward passes per update, whose gradients are averaged
  std::string clamping;
  Form form = Form::n2d2;
};

class Sgd final : public Solver {
 public:
  /// Throws ValueError naming the argument that is out of range.
  explicit Sgd(SgdOptions options);
  int slots() const override;
  UpdateArguments next(std::int64_t rows) override;
  double current_rate() const override;
  std::string text() const override;
  std::unique_ptr<Solver> clone() const override { return std::make_unique<Sgd>(*this); }

 private:
  SgdOptions options_;
  Clamping clamping_;
};

}  // namespace n2d2::solvers
