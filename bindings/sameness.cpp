// Whether many Python objects are as they were, and what else the adapters do to many of them in every step: one call each.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstdint>

#include "bindings.h"

namespace nb = nanobind;

namespace n2d2::bindings {
namespace {

/// Each place is (dict, key, value): whether every dict still has that very object there.
bool in_place(const nb::list& places) {
  for (const nb::handle entry : places) {
    const nb::tuple place = nb::cast<nb::tuple>(entry);
    PyObject* value = PyDict_GetItemWithError(nb::handle(place[0]).ptr(), nb::handle(place[1]).ptr());
    if (value == nullptr && PyErr_Occurred() != nullptr) throw nb::python_error();
    if (value != nb::handle(place[2]).ptr()) return false;
  }
  return true;
}

bool has_values(nb::handle dict, const nb::list& values) {
  std::size_t i = 0;
  if (PyDict_CheckExact(dict.ptr())) {
    PyObject* value = nullptr;
    for (Py_ssize_t at = 0; PyDict_Next(dict.ptr(), &at, nullptr, &value) != 0;)
      if (i == values.size() || values[i++].ptr() != value) return false;
    return i == values.size();
  }
  PyObject* found = PyMapping_Values(dict.ptr());  // an OrderedDict has an order of its own
  if (found == nullptr) throw nb::python_error();
  const auto ordered = nb::steal<nb::list>(found);
  for (const nb::handle value : ordered)
    if (i == values.size() || values[i++].ptr() != value.ptr()) return false;
  return i == values.size();
}

/// Each pair is (dict, list): whether every dict still has those very objects, in that order.
bool same_values(const nb::list& pairs) {
  return std::all_of(pairs.begin(), pairs.end(), [](nb::handle entry) {
    const nb::tuple pair = nb::cast<nb::tuple>(entry);
    return has_values(pair[0], nb::cast<nb::list>(pair[1]));
  });
}

bool are_empty(const nb::list& dicts) {
  return std::all_of(dicts.begin(), dicts.end(), [](nb::handle dict) { return nb::len(dict) == 0; });
}

/// The caller has checked what lies there.
void add_one(const nb::list& addresses) {
  for (const nb::handle address : addresses) ++*reinterpret_cast<std::int64_t*>(nb::cast<std::uintptr_t>(address));
}

nb::list attributes(const nb::list& objects, const nb::str& name) {
  nb::list values;
  for (const nb::handle object : objects) values.append(nb::getattr(object, name));
  return values;
}

template <class Get>
bool same(const nb::list& objects, const nb::list& values, const Get& get) {
  if (objects.size() != values.size()) return false;
  std::size_t i = 0;
  for (const nb::handle object : objects)
    if (!get(object).equal(values[i++])) return false;
  return true;
}

bool same_attributes(const nb::list& objects, const nb::str& name, const nb::list& values) {
  return same(objects, values, [&](nb::handle object) { return nb::getattr(object, name); });
}

bool same_results(const nb::list& objects, const nb::str& method, const nb::list& values) {
  return same(objects, values, [&](nb::handle object) {
    PyObject* self = object.ptr();
    PyObject* result = PyObject_VectorcallMethod(method.ptr(), &self, 1, nullptr);
    if (result == nullptr) throw nb::python_error();
    return nb::steal(result);
  });
}

}  // namespace

void bind_sameness(nb::module_& m) {
  m.def("in_place", &in_place, nb::arg("places"), "Whether each (dict, key, value) still has that very object there.");
  m.def("same_values", &same_values, nb::arg("pairs"), "Whether each (dict, list) still has those very objects in that order.");
  m.def("are_empty", &are_empty, nb::arg("dicts"), "Whether none of the dicts holds anything.");
  m.def("add_one", &add_one, nb::arg("addresses"), "Adds 1 to the int64 at each address.");
  m.def("attributes", &attributes, nb::arg("objects"), nb::arg("name"), "That attribute of each object.");
  m.def("same_attributes", &same_attributes, nb::arg("objects"), nb::arg("name"), nb::arg("values"),
        "Whether that attribute of each object is equal to its value.");
  m.def("same_results", &same_results, nb::arg("objects"), nb::arg("method"), nb::arg("values"),
        "Whether that method of each object, called without arguments, returns its value.");
}

}  // namespace n2d2::bindings
