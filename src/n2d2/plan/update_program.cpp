#include "n2d2/plan/update_program.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "n2d2/core/error.h"
#include "n2d2/plan/threads/executor.h"

namespace n2d2::plan {
namespace {

constexpr std::int64_t kGrain = 64;  // elements: slices of lanes begin at whole cache lines
constexpr std::size_t kMaxSlots = 8;

}  // namespace

UpdateProgram::UpdateProgram(ParameterStore& store, const Backend& backend, int lanes) : backend_(backend) {
  for (auto& [name, entry] : store.entries()) {
    if (!entry.trainable) continue;
    if (!entry.solver) throw StateError(fmt::format("parameter '{}' has no solver; call set_solver first", name));
    auto group = std::find_if(groups_.begin(), groups_.end(), [&](const auto& g) { return g->solver == entry.solver; });
    if (group == groups_.end()) group = groups_.insert(groups_.end(), std::make_unique<Group>(Group{entry.solver, {}, {}}));
    (*group)->entries.push_back(&entry);
    Segment segment{&entry, &(*group)->arguments, {}};
    for (const AlignedBuffer& slot : entry.slots) segment.slots.push_back(reinterpret_cast<float*>(slot.data()));
    segments_.push_back(std::move(segment));
  }
  program_.segments.push_back({Step{"update", [this](const Lane& lane) { update_slice(lane); }, false}});
  for (int index = 0; index < lanes; ++index) run_lanes_.push_back({.index = index, .count = lanes});
}

void UpdateProgram::update_slice(const Lane& lane) const {
  for (const Segment& segment : segments_) {
    if (!segment.entry->has_gradient) continue;
    const Range range = slice_of(segment.entry->count(), lane, kGrain);
    if (range.size() == 0) continue;
    std::array<float*, kMaxSlots> slots{};
    for (std::size_t i = 0; i < segment.slots.size(); ++i) slots[i] = segment.slots[i] + range.begin;
    backend_.update(*segment.arguments, segment.entry->memory + range.begin, segment.entry->gradient + range.begin, slots.data(),
                    range.size());
  }
}

void UpdateProgram::begin(std::int64_t rows) {
  for (const auto& group : groups_) {
    const bool used = std::any_of(group->entries.begin(), group->entries.end(), [](const StateEntry* e) { return e->has_gradient; });
    if (used) group->arguments = group->solver->next(rows);
  }
}

void UpdateProgram::end() {
  for (const Segment& segment : segments_) segment.entry->has_gradient = false;
}

void UpdateProgram::run(std::int64_t rows) {
  begin(rows);
  const std::array<const Program*, 1> programs = {&program_};
  plan::run(programs, run_lanes_);
  end();
}

}  // namespace n2d2::plan
