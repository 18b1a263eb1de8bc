// Adam (Kingma and Ba 2015).
#pragma once
#include "n2d2/solvers/solver.h"

namespace n2d2::solvers {

struct AdamOptions {
  double learning_rate = 0.001;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  std::string clamping;
  double decay = 0.0;  ///< of the weights. n2d2, torch: decay * w joins the gradient; keras: w shrinks by rate * decay, as its weight_decay
  bool decoupled_decay = false;     ///< every form: w shrinks by rate * decay (AdamW: Loshchilov and Hutter 2019)
  std::int64_t iteration_size = 1;  ///< backward passes per update, whose gradients are averaged
  Form form = Form::n2d2;
};

class Adam final : public Solver {
 public:
  /// Throws ValueError naming the argument that is out of range.
  explicit Adam(AdamOptions options);
  int slots() const override { return options_.iteration_size > 1 ? 3 : 2; }
  UpdateArguments next(std::int64_t rows) override;
  double current_rate() const override { return learning_rate_; }
  std::string text() const override;
  std::unique_ptr<Solver> clone() const override { return std::make_unique<Adam>(*this); }

 private:
  AdamOptions options_;
  Clamping clamping_;
};

}  // namespace n2d2::solvers
