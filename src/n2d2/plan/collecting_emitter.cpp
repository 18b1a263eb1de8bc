#include "n2d2/plan/collecting_emitter.h"

namespace n2d2::plan {

void CollectingEmitter::begin(const ir::Node& node, const std::string& kernel) {
  bind(node, capacity_, lanes_);
  label_ = node.label() + " " + kernel;
}

PlannedStep& CollectingEmitter::add(std::vector<PlannedStep>& program, std::vector<Use> uses, Run run) {
  PlannedStep& step = program.emplace_back();
  step.node = &node();
  step.label = label_;
  step.uses = std::move(uses);
  step.run = std::move(run);
  return step;
}

void CollectingEmitter::chunked_step(std::vector<Use> uses, Run run) { add(program(), std::move(uses), std::move(run)).chunked = true; }

std::vector<Use> CollectingEmitter::whole_operands(std::vector<Use> uses) {
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
  return uses;
}

void CollectingEmitter::single(Run run, std::vector<Use> extra) {
  add(program(), whole_operands(std::move(extra)), std::move(run)).single = true;
}

void CollectingEmitter::late(Run run, std::vector<Use> extra) {
  add(storages_.is_read_by_steps(node()) ? program() : last, std::move(extra), std::move(run)).single = true;
}

void CollectingEmitter::pack(Operand parameter, Operand packed, Run run) {
  const bool is_own = packed.storage()->region == kPackedOwn;
  for (const ir::Value* input : node().inputs()) {
    if (input == nullptr || storages_.of(*input) != parameter.storage() || !storages_.is_computed(*input)) continue;
    // A shared copy is made as if that wrote the weight: whoever reads it waits for the packing.
    add(program(), {{parameter, Access::all, !is_own}}, std::move(run)).single = !is_own;
    return;
  }
  if (is_own) return packs.push_back({label_ + " pack", std::move(run), false});
  packs_keep_to_lanes = false;
  const int turn = static_cast<int>(packs.size());
  packs.push_back({label_ + " pack",
                   [turn, run = std::move(run)](const Lane& lane) {
                     if (lane.index == turn % lane.count) run(lane);
                   },
                   false});
}

}  // namespace n2d2::plan
