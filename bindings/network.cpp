// Network for Python. Addresses are plain integers, the cheapest way to hand over memory of torch or NumPy in a step.
#include "n2d2/plan/network.h"

#include <fmt/core.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "convert.h"
#include "graph_ref.h"
#include "n2d2/backends/cpu/cpu_backend.h"
#include "n2d2/core/error.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace n2d2::bindings {
namespace {

using plan::Network;
using FloatView = nb::ndarray<nb::numpy, float, nb::ndim<1>>;

plan::Mode mode_of(const std::string& mode) {
  if (mode == "train") return plan::Mode::train;
  if (mode == "evaluate") return plan::Mode::evaluate;
  throw ValueError(fmt::format("mode: expected \"train\" or \"evaluate\", got \"{}\"", mode));
}

/// Refills the vector in place: in a steady loop nothing is allocated.
void fill(std::vector<void*>& pointers, const nb::list& addresses) {
  pointers.clear();
  for (const nb::handle address : addresses) pointers.push_back(reinterpret_cast<void*>(nb::cast<std::uintptr_t>(address)));
}

std::int64_t forward(Network& network, const nb::list& inputs, std::int64_t rows, const nb::list& outputs, bool train, bool keep,
                     bool input_gradients, std::uint64_t key) {
  thread_local plan::ForwardCall call;
  fill(call.inputs, inputs);
  fill(call.outputs, outputs);
  call.rows = rows;
  call.mode = train ? plan::Mode::train : plan::Mode::evaluate;
  call.keep = keep;
  call.input_gradients = input_gradients;
  call.key = key;
  const nb::gil_scoped_release release;
  return network.forward(call);
}

void backward(Network& network, std::int64_t state, const nb::list& output_gradients, const nb::list& input_gradients, bool weights,
              bool accumulate, bool keep, const nb::list& inputs) {
  thread_local plan::BackwardCall call;
  fill(call.inputs, inputs);
  fill(call.output_gradients, output_gradients);
  fill(call.input_gradients, input_gradients);
  call.state = state;
  call.weights = weights;
  call.accumulate = accumulate;
  call.keep = keep;
  const nb::gil_scoped_release release;
  network.backward(call);
}

/// Arrays, whose shape and type the caller has checked.
float step(Network& network, const nb::list& inputs, std::int64_t rows, const nb::ndarray<nb::ro>& targets, const char* loss, bool by_class,
           std::uint64_t key, std::uintptr_t output) {
  thread_local plan::StepCall call;
  call.inputs.clear();
  for (const nb::handle input : inputs) call.inputs.push_back(const_cast<void*>(nb::cast<nb::ndarray<nb::ro>>(input).data()));
  call.loss = loss;
  call.by_class = by_class;
  call.targets = const_cast<void*>(targets.data());
  call.rows = rows;
  call.key = key;
  call.output = reinterpret_cast<void*>(output);
  const nb::gil_scoped_release release;
  return network.step(call);
}

FloatView view(nb::handle owner, float* memory, std::int64_t count) { return {memory, {static_cast<std::size_t>(count)}, owner}; }

FloatView memory(nb::handle self, const std::string& name) {
  auto& entry = nb::cast<Network&>(self).store().find(name);
  return view(self, entry.memory, entry.count());
}

FloatView gradient(nb::handle self, const std::string& name) {
  auto& entry = nb::cast<Network&>(self).store().find(name);
  if (!entry.is_parameter) throw ValueError(fmt::format("'{}' is a buffer and has no gradient", name));
  return view(self, entry.gradient, entry.count());
}

std::vector<FloatView> slots(nb::handle self, const std::string& name) {
  auto& entry = nb::cast<Network&>(self).store().find(name);
  std::vector<FloatView> out;
  for (const auto& slot : entry.slots) out.push_back(view(self, reinterpret_cast<float*>(slot.data()), entry.count()));
  return out;
}

using Description = std::tuple<std::string, std::vector<std::int64_t>, std::vector<int>>;

std::vector<Description> describe(Network& network, bool parameters) {
  std::vector<Description> out;
  for (const auto& [name, entry] : network.store().entries()) {
    if (entry.is_parameter == parameters) out.emplace_back(name, shape_to(entry.type.shape), entry.order);
  }
  return out;
}

std::vector<std::string> with_gradient(Network& network) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : network.store().entries()) {
    if (entry.has_gradient) names.push_back(name);
  }
  return names;
}

void* pointer(std::uintptr_t address) { return reinterpret_cast<void*>(address); }

}  // namespace

void bind_network(nb::module_& m) {
  const auto nogil = nb::call_guard<nb::gil_scoped_release>();
  nb::class_<Network>(m, "Network", "Parameters, a graph per mode and the plans that run them; see src/n2d2/plan/network.h.")
      .def(
          "__init__", [](Network* self, std::int64_t capacity, int lanes) { new (self) Network(cpu::cpu_backend(), capacity, lanes); },
          "capacity"_a, "lanes"_a = 0)
      .def(
          "set_graph", [](Network& n, const std::string& mode, const GraphRef& graph) { n.set_graph(mode_of(mode), *graph.graph); },
          "mode"_a, "graph"_a)
      .def(
          "bind", [](Network& n, const std::string& name, std::uintptr_t address) { n.bind(name, pointer(address)); }, "name"_a,
          "address"_a)
      .def(
          "bind_gradient", [](Network& n, const std::string& name, std::uintptr_t address) { n.bind_gradient(name, pointer(address)); },
          "name"_a, "address"_a)
      .def("memory", &memory, "name"_a)
      .def("gradient", &gradient, "name"_a)
      .def(
          "mark_gradient", [](Network& n, const std::string& name) { n.store().find(name).has_gradient = true; }, "name"_a,
          "The caller has written that parameter's gradient; the next update uses it.")
      .def("slots", &slots, "name"_a, "The solver's state for that parameter, in the memory order of the parameter.")
      .def("set_trainable", &Network::set_trainable, "names"_a)
      .def("set_solver", &Network::set_solver, "parameter"_a, "solver"_a.none())
      .def("forward", &forward, "inputs"_a, "rows"_a, "outputs"_a, "train"_a = false, "keep"_a = false, "input_gradients"_a = false,
           "key"_a = 0)
      .def("backward", &backward, "state"_a, "output_gradients"_a, "input_gradients"_a = nb::list(), "weights"_a = true,
           "accumulate"_a = false, "keep"_a = false, "inputs"_a = nb::list())
      .def("step", &step, "inputs"_a, "rows"_a, "targets"_a, "loss"_a, "by_class"_a, "key"_a = 0, "output"_a = 0,
           "Forward, loss, backward and update as one run; returns the loss before the update. output: address for the network's output.")
      .def("drop", &Network::drop, "state"_a, nogil)
      .def("update", &Network::update, nogil)
      .def("refresh", &Network::refresh, nogil)
      .def("plan_text", &Network::plan_text, nogil)
      .def("set_profiling", &Network::set_profiling, "on"_a)
      .def("profile_text", &Network::profile_text, "Where the time of all steps went since set_profiling(True), node by node.")
      .def_prop_ro("parameters", [](Network& n) { return describe(n, true); })
      .def_prop_ro("buffers", [](Network& n) { return describe(n, false); })
      .def_prop_ro("with_gradient", &with_gradient, "Parameters that got a gradient since the last update.")
      .def_prop_ro("update_count", &Network::update_count)
      .def_prop_ro("plans_made", &Network::plans_made, "Number of plans made so far.")
      .def_prop_ro("pending", &Network::pending, "Number of forwards that wait for their backward.")
      .def_prop_ro("capacity", &Network::capacity)
      .def_prop_ro("lanes", &Network::lanes);
}

}  // namespace n2d2::bindings
