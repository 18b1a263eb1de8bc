#include "n2d2/plan/emitter.h"

#include <algorithm>

namespace n2d2::plan {

std::vector<Use> Emitter::with_defaults(std::vector<Use> uses, Access reading, Access writing) {
  const auto add = [&](Operand operand, Use use) {
    const bool given =
        std::any_of(uses.begin(), uses.end(), [&](const Use& other) { return other.operand.storage() == operand.storage(); });
    if (!given) uses.push_back(use);
  };
  const auto access = [](const ir::Value& value, Access batched) { return value.is_batched() ? batched : Access::all; };
  for (std::size_t i = 0; i < node().outputs().size(); ++i) add(out(i), writes(out(i), access(*node().output(i), writing)));
  for (std::size_t i = 0; i < node().inputs().size(); ++i) {
    if (node().input(i) != nullptr) add(in(i), reads(in(i), access(*node().input(i), reading)));
  }
  return uses;
}

void Emitter::rows(Run run, std::vector<Use> extra) {
  bool sums = false;
  for (std::size_t i = 0; i < node().outputs().size(); ++i) {
    const Storage* output = out(i).storage();
    sums = sums || std::any_of(extra.begin(), extra.end(), [&](const Use& use) { return use.operand.storage() == output; });
  }
  std::vector<Use> uses = with_defaults(std::move(extra), Access::rows, Access::rows);
  sums ? step(std::move(uses), std::move(run)) : chunked_step(std::move(uses), std::move(run));
}

void Emitter::summed_rows(Run run, std::vector<Use> extra) {
  chunked_step(with_defaults(std::move(extra), Access::rows, Access::rows), std::move(run));
}

void Emitter::shared_rows(Run run, std::vector<Use> extra) {
  step(with_defaults(std::move(extra), Access::all, Access::features), std::move(run));
}

}  // namespace n2d2::plan
