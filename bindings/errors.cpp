// The error family, each also a subclass of the built-in that a Python user expects.
#include "n2d2/core/error.h"

#include "bindings.h"

namespace nb = nanobind;

namespace n2d2::bindings {

void bind_errors(nb::module_& m) {
  const nb::exception<Error> base(m, "Error", PyExc_Exception);
  const auto with = [&](PyObject* builtin) { return nb::make_tuple(base, nb::handle(builtin)); };
  nb::exception<ShapeError>(m, "ShapeError", with(PyExc_ValueError));
  nb::exception<TypeError>(m, "TypeError", with(PyExc_TypeError));
  nb::exception<ValueError>(m, "ValueError", with(PyExc_ValueError));
  nb::exception<UnsupportedError>(m, "UnsupportedError", with(PyExc_NotImplementedError));
  nb::exception<BackendError>(m, "BackendError", with(PyExc_RuntimeError));
  nb::exception<StateError>(m, "StateError", with(PyExc_RuntimeError));
}

}  // namespace n2d2::bindings
