// RMSprop (Tieleman and Hinton 2012).
#pragma once
#include "n2d2/solvers/solver.h"

namespace n2d2::solvers {

struct RmspropOptions {
  double learning_rate = 0.001;
  double rho = 0.9;  ///< share of the old mean square that is kept
  double momentum = 0.0;
  double epsilon = 1e-8;
  std::string clamping;
  double decay = 0.0;  ///< of the weights. n2d2, torch: decay * w joins the gradient; keras: w shrinks by rate * decay, as its weight_decay
  std::int64_t iteration_size = 1;  ///< backward passes per update, whose gradients are averaged
  Form form = Form::n2d2;
};

class Rmsprop final : public Solver {
 public:
  /// Throws ValueError naming the argument that is out of range.
  explicit Rmsprop(RmspropOptions options);
  int slots() const override { return 1 + (options_.momentum > 0.0 ? 1 : 0) + (options_.iteration_size > 1 ? 1 : 0); }
  UpdateArguments next(std::int64_t rows) override;
  double current_rate() const override { return learning_rate_; }
  std::string text() const override;
  std::unique_ptr<Solver> clone() const override { return std::make_unique<Rmsprop>(*this); }

 private:
  RmspropOptions options_;
  Clamping clamping_;
};

}  // namespace n2d2::solvers
