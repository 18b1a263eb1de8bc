// Whether many Python objects are as they were, in one call: the adapters ask it in every step.
#include <nanobind/nanobind.h>

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
  m.def("attributes", &attributes, nb::arg("objects"), nb::arg("name"), "That attribute of each object.");
  m.def("same_attributes", &same_attributes, nb::arg("objects"), nb::arg("name"), nb::arg("values"),
        "Whether that attribute of each object is equal to its value.");
  m.def("same_results", &same_results, nb::arg("objects"), nb::arg("method"), nb::arg("values"),
        "Whether that method of each object, called without arguments, returns its value.");
}

}  // namespace n2d2::bindings
