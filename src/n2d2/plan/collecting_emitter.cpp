#include "n2d2/plan/collecting_emitter.h"

namespace n2d2::plan {

void CollectingEmitter::begin(const ir::Node& node, const std::string& kernel) {
  bind(node, capacity_, lanes_);
  label_ = node.label() + " " + kernel;
}

void CollectingEmitter::add(std::vector<Use> uses, Run run, bool single) {
  auto& steps = node().phase() == ir::Phase::forward ? forward : backward;
  steps.push_back({&node(), label_, std::move(uses), std::move(run), single, 0});
}

void CollectingEmitter::single(Run run, std::vector<Use> extra) {
  std::vector<Use> uses = std::move(extra);
  const auto add_use = [&](Operand operand, bool is_write) {
    for (const Use& use : uses) {
      if (use.operand.storage() == operand.storage()) return;
    }
    uses.push_back({operand, Access::all, is_write});
  };
  for (std::size_t i = 0; i < node().outputs().size(); ++i) add_use(out(i), true);
  for (std::size_t i = 0; i < node().inputs().size(); ++i) {
    if (node().input(i) != nullptr) add_use(in(i), false);
  }
  add(std::move(uses), std::move(run), true);
}

void CollectingEmitter::pack(Operand, Operand, Run run) {
  const int turn = static_cast<int>(packs.size());
  packs.push_back({label_ + " pack",
                   [turn, run = std::move(run)](const Lane& lane) {
                     if (lane.index == turn % lane.count) run(lane);
                   },
                   false});
}

}  // namespace n2d2::plan
