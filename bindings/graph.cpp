// Graph, Node and Value for Python.
#include <fmt/core.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "bindings.h"
#include "convert.h"
#include "graph_ref.h"
#include "n2d2/core/error.h"
#include "n2d2/ops/op_table.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace n2d2::bindings {
namespace {

ValueRef ref(const GraphRef& self, ir::Value* value) { return {self.graph, value}; }

std::vector<ValueRef> refs(const GraphRef& self, const std::vector<ir::Value*>& values) {
  std::vector<ValueRef> out;
  for (ir::Value* value : values) out.push_back(ref(self, value));
  return out;
}

std::vector<std::optional<ValueRef>> optional_refs(const NodeRef& self) {
  std::vector<std::optional<ValueRef>> out;
  for (ir::Value* value : self.node->inputs()) {
    out.push_back(value == nullptr ? std::nullopt : std::optional(ValueRef{self.graph, value}));
  }
  return out;
}

ValueRef constant(const GraphRef& self, const nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>& array) {
  const DType dtype = dtype_of_array(array.dtype());
  Shape shape;
  std::vector<Dim> dims;
  for (std::size_t i = 0; i < array.ndim(); ++i) dims.emplace_back(static_cast<std::int64_t>(array.shape(i)));
  const auto* bytes = static_cast<const std::byte*>(array.data());
  return ref(self, self.graph->add_constant("", {Shape(std::move(dims)), dtype}, std::vector<std::byte>(bytes, bytes + array.nbytes())));
}

std::vector<ValueRef> node(const GraphRef& self, const std::string& op, const std::vector<std::optional<ValueRef>>& inputs,
                           const nb::dict& attributes, const std::string& name, const std::string& path, const std::string& location) {
  std::vector<ir::Value*> values;
  for (const auto& input : inputs) {
    if (input && input->graph != self.graph)
      throw ValueError(fmt::format("{}: input '{}' belongs to another graph", op, input->value->name));
    values.push_back(input ? input->value : nullptr);
  }
  ir::Node& made = self.graph->add_node(op, values, attributes_from(attributes), {.name = name, .source = {path, location}});
  return refs(self, made.outputs());
}

std::vector<NodeRef> nodes(const GraphRef& self) {
  std::vector<NodeRef> out;
  for (const auto& n : self.graph->nodes()) out.push_back({self.graph, n.get()});
  return out;
}

const char* kind_name(ir::ValueKind kind) {
  switch (kind) {
    case ir::ValueKind::input:
      return "input";
    case ir::ValueKind::parameter:
      return "parameter";
    case ir::ValueKind::buffer:
      return "buffer";
    case ir::ValueKind::constant:
      return "constant";
    case ir::ValueKind::activation:
      return "activation";
  }
  return "";
}

void bind_value(nb::module_& m) {
  nb::class_<ValueRef>(m, "Value", "A tensor of a graph. In shapes, -1 is the number of rows of the batch and -k is k times that.")
      .def_prop_ro("id", [](const ValueRef& v) { return v.value->id; })
      .def_prop_ro("name", [](const ValueRef& v) { return v.value->name; })
      .def_prop_ro("kind", [](const ValueRef& v) { return kind_name(v.value->kind); })
      .def_prop_ro("dtype", [](const ValueRef& v) { return std::string(name_of(v.value->type.dtype)); })
      .def_prop_ro("shape", [](const ValueRef& v) { return shape_to(v.value->type.shape); })
      .def_prop_ro("order", [](const ValueRef& v) { return v.value->order; })
      .def("__eq__", [](const ValueRef& a, const ValueRef& b) { return a.value == b.value; })
      .def("__hash__", [](const ValueRef& v) { return reinterpret_cast<std::intptr_t>(v.value) >> 4; })
      .def("__repr__",
           [](const ValueRef& v) { return fmt::format("<{} '{}' {}>", kind_name(v.value->kind), v.value->name, v.value->type.text()); });
}

void bind_node(nb::module_& m) {
  nb::class_<NodeRef>(m, "Node", "An operator of a graph.")
      .def_prop_ro("op", [](const NodeRef& n) { return n.node->op().name; })
      .def_prop_ro("name", [](const NodeRef& n) { return n.node->name(); })
      .def_prop_ro("path", [](const NodeRef& n) { return n.node->source().path; })
      .def_prop_ro("location", [](const NodeRef& n) { return n.node->source().location; })
      .def_prop_ro("inputs", &optional_refs)
      .def_prop_ro("outputs", [](const NodeRef& n) { return refs({n.graph}, n.node->outputs()); })
      .def_prop_ro("attributes", [](const NodeRef& n) { return attributes_to(n.node->attributes()); })
      .def("__repr__", [](const NodeRef& n) { return fmt::format("<{}>", n.node->label()); });
}

}  // namespace

void bind_graph(nb::module_& m) {
  bind_value(m);
  bind_node(m);
  nb::class_<GraphRef>(m, "Graph", "Operators with ONNX names on typed values, logical layout NCHW; checked while it is built.")
      .def("__init__", [](GraphRef* self) { new (self) GraphRef{std::make_shared<ir::Graph>(ops::op_set())}; })
      .def(
          "input",
          [](const GraphRef& g, const std::string& name, const std::vector<std::int64_t>& shape, const std::string& dtype) {
            return ref(g, g.graph->add_input(name, {shape_from(shape), dtype_of(dtype)}));
          },
          "name"_a, "shape"_a, "dtype"_a = "float32")
      .def(
          "parameter",
          [](const GraphRef& g, const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<int>& order,
             bool trainable) { return ref(g, g.graph->add_parameter(name, {shape_from(shape)}, order, trainable)); },
          "name"_a, "shape"_a, "order"_a = std::vector<int>(), "trainable"_a = true)
      .def(
          "buffer",
          [](const GraphRef& g, const std::string& name, const std::vector<std::int64_t>& shape, const std::vector<int>& order) {
            return ref(g, g.graph->add_buffer(name, {shape_from(shape)}, order));
          },
          "name"_a, "shape"_a, "order"_a = std::vector<int>())
      .def("constant", &constant, "array"_a)
      .def("node", &node, "op"_a, "inputs"_a, "attributes"_a = nb::dict(), "name"_a = "", "path"_a = "", "location"_a = "")
      .def(
          "output", [](const GraphRef& g, const ValueRef& value) { g.graph->add_output(value.value); }, "value"_a)
      .def("text", [](const GraphRef& g) { return ir::to_text(*g.graph); })
      .def_prop_ro("nodes", &nodes)
      .def_prop_ro("inputs", [](const GraphRef& g) { return refs(g, g.graph->values_of(ir::ValueKind::input)); })
      .def_prop_ro("outputs", [](const GraphRef& g) { return refs(g, g.graph->outputs()); })
      .def_prop_ro("parameters", [](const GraphRef& g) { return refs(g, g.graph->values_of(ir::ValueKind::parameter)); })
      .def_prop_ro("buffers", [](const GraphRef& g) { return refs(g, g.graph->values_of(ir::ValueKind::buffer)); });
}

}  // namespace n2d2::bindings
