#include "n2d2/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "n2d2/plan/compiler.h"
#include "n2d2/plan/profile.h"
#include "n2d2/plan/threads/executor.h"

namespace n2d2::plan {
namespace {

void append(std::string& text, const char* title, const Program& program) {
  text += fmt::format("{}:\n", title);
  for (std::size_t s = 0; s < program.segments.size(); ++s) {
    for (const Step& step : program.segments[s]) {
      const std::string chunks = step.chunk_rows > 0 ? fmt::format(" (chunks of {} rows)", step.chunk_rows) : "";
      text += fmt::format("  {:3} {}{}{}\n", s, step.label, step.single ? " (lane 0)" : "", chunks);
    }
  }
}

}  // namespace

Plan::Plan(const ir::Graph& graph, const Backend& backend, const PlanOptions& options) : options_(options), graph_(graph.clone()) {
  Compiler(*this, backend).run();
  shared_arena_ = AlignedBuffer(static_cast<std::size_t>(sizes_.shared));
  packed_ = AlignedBuffer(static_cast<std::size_t>(sizes_.packed));
  for (int lane = 0; lane < options.lanes; ++lane) {
    auto& bases = bases_[static_cast<std::size_t>(lane)];
    bases[kLocal] = local_arenas_.emplace_back(static_cast<std::size_t>(sizes_.local)).data();
    bases[kShared] = shared_arena_.data();
    bases[kPacked] = packed_.data();
    bases[kPackedOwn] = packed_own_.emplace_back(static_cast<std::size_t>(sizes_.packed_own)).data();
  }
  run_lanes_.resize(static_cast<std::size_t>(options.lanes));
}

void Plan::bind(int region, void* address) {
  if (region < 0) return;
  for (auto& bases : bases_) bases[static_cast<std::size_t>(region)] = static_cast<char*>(address);
}

void Plan::bind_saved(SavedBlock& block) {
  for (std::size_t lane = 0; lane < bases_.size(); ++lane) {
    bases_[lane][kSavedLocal] = block.local[lane].data();
    bases_[lane][kSavedShared] = block.shared.data();
  }
}

std::unique_ptr<SavedBlock> Plan::make_saved_block() const {
  auto block = std::make_unique<SavedBlock>();
  for (int lane = 0; lane < options_.lanes; ++lane) block->local.emplace_back(static_cast<std::size_t>(sizes_.saved_local));
  block->shared = AlignedBuffer(static_cast<std::size_t>(sizes_.saved_shared));
  return block;
}

void Plan::pack() { run(std::array{&std::as_const(pack_)}, 0, RunArguments{}); }
void Plan::forward(std::int64_t rows, const RunArguments& arguments) { run(std::array{&std::as_const(forward_)}, rows, arguments); }
void Plan::pack_and_forward(std::int64_t rows, const RunArguments& arguments) {
  run(std::array{&std::as_const(pack_), &std::as_const(forward_)}, rows, arguments);
}
void Plan::backward(std::int64_t rows, const RunArguments& arguments) { run(std::array{&std::as_const(backward_)}, rows, arguments); }

void Plan::step(std::int64_t rows, const RunArguments& arguments, const Program& update) {
  run(std::array{&std::as_const(pack_), &std::as_const(forward_), &update}, rows, arguments);
}

void Plan::run(std::span<const Program* const> programs, std::int64_t rows, const RunArguments& arguments) {
  for (int index = 0; index < options_.lanes; ++index) {
    const Range range = part_of(rows, index, options_.lanes);
    run_lanes_[static_cast<std::size_t>(index)] = {.index = index,
                                                   .count = options_.lanes,
                                                   .row0 = range.begin,
                                                   .rows = range.size(),
                                                   .total_rows = rows,
                                                   .lane_row0 = range.begin,
                                                   .bases = bases_[static_cast<std::size_t>(index)].data(),
                                                   .arguments = &arguments};
  }
  for (const Program* program : programs) {
    const auto which = program == &pack_ ? 0 : program == &forward_ ? 1 : 2;
    ++timed_runs_[which];
    timed_rows_[which] += rows;
  }
  plan::run(programs, run_lanes_);
}

void Plan::set_profiling(bool on) {
  for (const Program* program : {&pack_, &forward_, &backward_}) plan::set_profiling(*program, options_.lanes, on);
  std::fill(std::begin(timed_runs_), std::end(timed_runs_), 0);
  std::fill(std::begin(timed_rows_), std::end(timed_rows_), 0);
}

std::string Plan::profile_text() const {
  std::string text;
  const std::array<std::pair<const char*, const Program*>, 3> programs = {
      {{"pack", &pack_}, {"forward", &forward_}, {"backward", &backward_}}};
  for (std::size_t i = 0; i < programs.size(); ++i) {
    const std::string steps = plan::profile_text(*programs[i].second, timed_runs_[i], timed_rows_[i]);
    if (!steps.empty())
      text += fmt::format("{}, {} runs, {} rows: slowest lane, all lanes\n{}", programs[i].first, timed_runs_[i], timed_rows_[i], steps);
  }
  return text;
}

std::string Plan::text() const {
  std::string text = ir::to_text(graph_);
  append(text, "pack", pack_);
  append(text, "forward", forward_);
  append(text, "backward", backward_);
  text += fmt::format("bytes: local {} and saved {} per lane, shared {}, saved shared {}, packed {}, and {} per lane\n", sizes_.local,
                      sizes_.saved_local, sizes_.shared, sizes_.saved_shared, sizes_.packed, sizes_.packed_own);
  return text;
}

}  // namespace n2d2::plan
