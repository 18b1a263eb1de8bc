#include "n2d2/plan/network.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "n2d2/core/error.h"
#include "n2d2/core/log.h"
#include "n2d2/plan/threads/executor.h"

namespace n2d2::plan {
namespace {

constexpr std::size_t kMostTrainedSets = 4;

std::int64_t bytes_of(const ir::TensorType& type, std::int64_t rows) {
  return type.shape.elements(rows) * static_cast<std::int64_t>(size_of(type.dtype));
}

/// Binds null addresses to a stand-in that is made when first needed.
void bind_or(Plan& plan, const std::vector<int>& regions, const std::vector<void*>& addresses, AlignedBuffer& stand_in,
             std::int64_t bytes) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    if (regions[i] < 0) continue;
    void* address = i < addresses.size() ? addresses[i] : nullptr;
    if (address == nullptr) {
      if (stand_in.data() == nullptr) stand_in = AlignedBuffer(static_cast<std::size_t>(bytes));
      address = stand_in.data();
    }
    plan.bind(regions[i], address);
  }
}

std::int64_t largest(const std::vector<ir::Value*>& values, std::int64_t rows) {
  std::int64_t bytes = 0;
  for (const ir::Value* value : values) bytes = std::max(bytes, bytes_of(value->type, rows));
  return bytes;
}

}  // namespace

Network::Network(const Backend& backend, std::int64_t capacity, int lanes) : backend_(backend), capacity_(capacity), lanes_(lanes) {
  if (capacity < 1) throw ValueError(fmt::format("capacity: expected at least 1 row, got {}", capacity));
  if (lanes < 0) throw ValueError(fmt::format("lanes: expected 0 (by rule) or more, got {}", lanes));
  if (lanes_ == 0) lanes_ = default_lanes();
  is_profiling_ = is_logged("profile");
}

Network::~Network() {
  if (is_logged("profile")) log(profile_text());
}

void Network::set_graph(Mode mode, const ir::Graph& graph) {
  const std::lock_guard lock(mutex_);
  ir::verify(graph);
  store_.add(graph);
  graphs_.insert_or_assign(mode, graph.clone());
  input_counts_[static_cast<std::size_t>(mode)] = graph.values_of(ir::ValueKind::input).size();
  plans_.clear();
  update_.reset();
}

void Network::bind(const std::string& name, void* memory) {
  const std::lock_guard lock(mutex_);
  store_.bind(name, static_cast<float*>(memory));
}

void Network::bind_gradient(const std::string& parameter, void* memory) {
  const std::lock_guard lock(mutex_);
  store_.bind_gradient(parameter, static_cast<float*>(memory));
}

void Network::set_trainable(const std::vector<std::string>& parameters) {
  const std::lock_guard lock(mutex_);
  store_.set_trainable(parameters);
  update_.reset();
  auto known = std::find(trained_sets_.begin(), trained_sets_.end(), parameters);
  if (known == trained_sets_.end() && trained_sets_.size() == kMostTrainedSets) {
    trained_sets_.clear();
    plans_.clear();
    known = trained_sets_.end();
  }
  if (known == trained_sets_.end()) known = trained_sets_.insert(known, parameters);
  trained_ = static_cast<std::size_t>(known - trained_sets_.begin()) + 1;
}

void Network::set_solver(const std::string& parameter, std::shared_ptr<solvers::Solver> solver) {
  const std::lock_guard lock(mutex_);
  store_.set_solver(parameter, std::move(solver));
  update_.reset();
}

void Network::check(Mode mode, const std::vector<void*>& given, std::int64_t rows) const {
  if (!graphs_.contains(mode)) throw StateError("the network has no graph for this mode; call set_graph first");
  const std::size_t inputs = input_counts_[static_cast<std::size_t>(mode)];
  if (given.size() != inputs) throw ValueError(fmt::format("expected {} inputs, got {}", inputs, given.size()));
  if (rows < 1) throw ShapeError(fmt::format("expected at least one row, got {}", rows));
}

void Network::grow(std::int64_t rows) {
  if (rows <= capacity_) return;
  capacity_ = static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(rows)));
  std::erase_if(plans_, [few = capacity_for(1)](const auto& plan) { return plan.first.capacity != few; });
}

/// Rows of the plan for so many: few have one of their own, in which lanes share out every row.
std::int64_t Network::capacity_for(std::int64_t rows) const {
  const std::int64_t few = lanes_ / 2;
  return rows <= few ? std::min(few, capacity_) : capacity_;
}

std::shared_ptr<PlanEntry>& Network::plan_for(PlanKey key, std::int64_t rows) {
  key.trained = trained_;
  key.capacity = capacity_for(rows);
  const auto found = plans_.find(key);
  if (found != plans_.end()) return found->second;
  const ir::Graph graph = graph_for(key);
  auto made = std::make_shared<PlanEntry>();
  made->plan = std::make_unique<Plan>(graph, backend_,
                                      PlanOptions{.capacity = key.capacity,
                                                  .lanes = lanes_,
                                                  .keep = key.keep,
                                                  .input_gradients = key.input_gradients,
                                                  .step = key.loss != nullptr});
  for (const std::string& name : made->plan->externals().gradients_of) made->trained.push_back(&store_.find(name));
  ++plans_made_;
  made->plan->set_profiling(is_profiling_);
  if (is_logged("plan")) log(title_of(key, *made) + made->plan->text());
  return plans_.emplace(key, std::move(made)).first->second;
}

ir::Graph Network::graph_for(const PlanKey& key) const {
  ir::Graph graph = graphs_.at(static_cast<Mode>(key.mode)).clone();
  for (const auto& value : graph.values()) {
    if (value->kind == ir::ValueKind::parameter) value->trainable = store_.entries().at(value->name).trainable;
  }
  if (key.loss == nullptr) return graph;
  ir::Value* output = graph.outputs().front();
  const Shape& shape = output->shape();
  ir::TensorType targets{shape, DType::float32};
  if (key.by_class) targets = {shape.rank() > 0 ? Shape{shape[0]} : Shape{}, DType::int64};
  ir::Value* given = graph.add_input("targets", targets);
  ir::Value* loss = graph.add_node(key.loss->name, {output, given}, {}, {.name = "loss"}).output();
  key.gives_output ? graph.set_outputs({loss, output}) : graph.set_outputs({loss});
  return graph;
}

void Network::bind_state(PlanEntry& entry) {
  if (entry.bound_version == store_.version()) return;
  for (const auto& [name, region] : entry.plan->externals().state) entry.plan->bind(region, store_.address(name));
  entry.bound_version = store_.version();
  entry.packed_version = 0;
}

void Network::prepare(PlanEntry& entry, const std::vector<void*>& inputs) {
  bind_state(entry);
  const auto& regions = entry.plan->externals().inputs;
  for (std::size_t i = 0; i < regions.size(); ++i) entry.plan->bind(regions[i], inputs[i]);
}

std::int64_t Network::forward(const ForwardCall& call) {
  const std::lock_guard lock(mutex_);
  check(call.mode, call.inputs, call.rows);
  const std::size_t outputs = graphs_.at(call.mode).outputs().size();
  if (call.outputs.size() != outputs) throw ValueError(fmt::format("expected {} outputs, got {}", outputs, call.outputs.size()));
  grow(call.rows);
  const std::shared_ptr<PlanEntry>& entry =
      plan_for({.mode = static_cast<int>(call.mode), .keep = call.keep, .input_gradients = call.keep && call.input_gradients}, call.rows);
  Plan& plan = *entry->plan;
  prepare(*entry, call.inputs);
  for (std::size_t i = 0; i < call.outputs.size(); ++i) plan.bind(plan.externals().outputs[i], call.outputs[i]);
  if (call.mode == Mode::train) ++weights_version_;  // the host may write weights between training steps without a word
  const RunArguments arguments{.random_key = call.key};
  const auto run = [&] {
    const bool is_packed = std::exchange(entry->packed_version, 0) == weights_version_;
    is_packed ? plan.forward(call.rows, arguments) : plan.pack_and_forward(call.rows, arguments);
    entry->packed_version = weights_version_;  // not where the run threw: it may have ended while it packed
  };
  if (!call.keep) {
    run();
    return 0;
  }
  Pending& pending = pending_.take();
  if (entry->spare.empty()) entry->spare.push_back(plan.make_saved_block());
  pending.block = std::move(entry->spare.back());
  entry->spare.pop_back();
  pending.inputs.assign(call.inputs.begin(), call.inputs.end());
  pending.rows = call.rows;
  pending.key = call.key;
  pending.update_count = update_count_;
  pending.entry = entry;
  plan.bind_saved(*pending.block);
  try {
    run();
  } catch (...) {
    pending_.release(pending);
    throw;
  }
  return pending.id;
}

void Network::check_current(const Pending& pending) const {
  if (pending.update_count == update_count_) return;
  throw StateError(
      "backward over outdated weights: they were updated after this forward ran. Sum the losses and call backward once, "
      "or run forward again (PyTorch: or wrap with update=\"torch\")");
}

void Network::backward(const BackwardCall& call) {
  const std::lock_guard lock(mutex_);
  Pending& pending = pending_.find(call.state);
  check_current(pending);
  PlanEntry& entry = *pending.entry;
  Plan& plan = *entry.plan;
  if (!call.inputs.empty()) pending.inputs = call.inputs;
  prepare(entry, pending.inputs);
  if (entry.packed_version == 0) plan.pack();
  plan.bind_saved(*pending.block);
  const auto& graph = plan.graph();
  bind_or(plan, plan.externals().output_gradients, call.output_gradients, entry.zeros, largest(graph.outputs(), plan.options().capacity));
  bind_or(plan, plan.externals().input_gradients, call.input_gradients, entry.discard, largest(graph.outputs(), plan.options().capacity));
  const RunArguments arguments{.random_key = pending.key, .accumulate_gradients = call.accumulate, .store_gradients = call.weights};
  plan.backward(pending.rows, arguments);
  if (call.weights) {
    for (StateEntry* parameter : entry.trained) parameter->has_gradient = true;
    rows_since_update_ = (call.accumulate ? rows_since_update_ : 0) + pending.rows;
  }
  if (!call.keep) pending_.release(pending);
}

void Network::check_classes(const StepCall& call) const {
  const Shape& shape = graphs_.at(Mode::train).outputs().front()->shape();
  if (shape.rank() != 2 || shape.batch_axis() != 0) {
    throw ShapeError(fmt::format("class numbers as targets need an output of shape [N, classes], the network gives {}", shape.text()));
  }
  const auto* classes = static_cast<const std::int64_t*>(call.targets);
  const auto [least, most] = std::minmax_element(classes, classes + shape[0].at(call.rows));
  const std::int64_t count = shape[shape.rank() - 1].size;
  if (*least >= 0 && *most < count) return;
  throw ValueError(fmt::format("targets: class numbers go from 0 to {}, got {} to {}", count - 1, *least, *most));
}

float Network::step(const StepCall& call) {
  const std::lock_guard lock(mutex_);
  check(Mode::train, call.inputs, call.rows);
  if (call.by_class) check_classes(call);
  const ir::OpDef& loss_op = graphs_.at(Mode::train).ops().find(call.loss);
  grow(call.rows);
  const std::shared_ptr<PlanEntry>& entry =
      plan_for({.mode = 0, .keep = true, .loss = &loss_op, .by_class = call.by_class, .gives_output = call.output != nullptr}, call.rows);
  Plan& plan = *entry->plan;
  if (!update_) update_ = std::make_unique<UpdateProgram>(store_, backend_, lanes_);
  bind_state(*entry);
  const Externals& externals = plan.externals();
  for (std::size_t i = 0; i < call.inputs.size(); ++i) plan.bind(externals.inputs[i], call.inputs[i]);
  plan.bind(externals.inputs.at(call.inputs.size()), call.targets);
  float loss = 0;
  plan.bind(externals.outputs.front(), &loss);
  if (call.output != nullptr) plan.bind(externals.outputs.at(1), call.output);
  for (StateEntry* parameter : entry->trained) parameter->has_gradient = true;
  update_->begin(call.rows);
  try {
    plan.step(call.rows, RunArguments{.random_key = call.key}, update_->program());
  } catch (...) {
    update_->end();  // what was made of the gradients is not applied later
    throw;
  }
  update_->end();
  rows_since_update_ = 0;
  ++update_count_;
  ++weights_version_;
  return loss;
}

void Network::drop(std::int64_t state) {
  const std::lock_guard lock(mutex_);
  pending_.release(pending_.find(state));
}

void Network::update() {
  const std::lock_guard lock(mutex_);
  if (!update_) update_ = std::make_unique<UpdateProgram>(store_, backend_, lanes_);
  update_->run(rows_since_update_);
  rows_since_update_ = 0;
  ++update_count_;
  ++weights_version_;
}

void Network::refresh() {
  const std::lock_guard lock(mutex_);
  ++weights_version_;
}

std::string Network::plan_text() {
  const std::lock_guard lock(mutex_);
  const auto is_present = [this](const auto& plan) { return plan.first.trained == trained_; };
  if (std::none_of(plans_.begin(), plans_.end(), is_present)) {
    for (const auto& [mode, graph] : graphs_) plan_for({.mode = static_cast<int>(mode), .keep = mode == Mode::train}, capacity_);
  }
  std::string text;
  for (const auto& plan : plans_) {
    if (is_present(plan)) text += title_of(plan.first, *plan.second) + plan.second->plan->text();
  }
  return text;
}

std::string Network::title_of(const PlanKey& key, const PlanEntry& entry) const {
  return fmt::format("== plan: {}{}{}, up to {} rows, {} lanes\n", key.mode == 0 ? "train" : "evaluate", key.keep ? ", backward" : "",
                     key.loss != nullptr   ? ", " + key.loss->name
                     : key.input_gradients ? ", input gradients"
                                           : "",
                     entry.plan->options().capacity, lanes_);
}

void Network::set_profiling(bool on) {
  const std::lock_guard lock(mutex_);
  is_profiling_ = on;
  for (const auto& [key, entry] : plans_) entry->plan->set_profiling(on);
}

std::string Network::profile_text() {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& [key, entry] : plans_) {
    const std::string steps = entry->plan->profile_text();
    if (!steps.empty()) text += title_of(key, *entry) + steps;
  }
  return text;
}

}  // namespace n2d2::plan
