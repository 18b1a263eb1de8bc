#include "n2d2/plan/collecting_emitter.h"

#include <algorithm>
#include <utility>

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

void CollectingEmitter::pack(Operand parameter, Operand packed, Run run, bool sliced) {
  const bool is_own = packed.storage()->region == kPackedOwn;
  const bool is_computed = std::any_of(node().inputs().begin(), node().inputs().end(), [&](const ir::Value* input) {
    return input != nullptr && storages_.of(*input) == parameter.storage() && storages_.is_computed(*input);
  });
  if (sliced && (is_own || is_computed)) {
    run = [run = std::move(run)](Lane lane) {
      lane.index = 0;
      lane.count = 1;
      run(lane);
    };
  }
  const std::string label = label_ + " pack";
  if (is_computed) {
    // A shared copy is made as if that wrote the weight: whoever reads it waits for the packing.
    add(program(), {{parameter, Access::all, !is_own}}, std::move(run)).single = !is_own;
  } else if (is_own) {
    packs_of_lanes.push_back({label, std::move(run), false});
  } else if (sliced) {
    packings.push_back({&node(), parameter, packed, label, std::move(run)});
  } else {
    const int turn = static_cast<int>(packings.size());
    packings.push_back({&node(), parameter, packed, label, [turn, run = std::move(run)](const Lane& lane) {
                          if (lane.index == turn % lane.count) run(lane);
                        }});
  }
}

}  // namespace n2d2::plan
