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
  Form form = Form::n2d2;
};

class Adam final : public Solver {
 public:
  /// Throws ValueError naming the argument that is out of range.
  explicit Adam(AdamOptions options);
  int slots() const override { return 2; }
  UpdateArguments next(std::int64_t rows) override;
  double current_rate() const override { return learning_rate_; }
  std::string text() const override;
  std::unique_ptr<Solver> clone() const override { return std::make_unique<Adam>(*this); }

 private:
  AdamOptions options_;
  Clamping clamping_;
};

}  // namespace n2d2::solvers
