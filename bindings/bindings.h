// The parts of the Python module, one file each.
#pragma once
#include <nanobind/nanobind.h>

namespace n2d2::bindings {

void bind_errors(nanobind::module_& m);
void bind_graph(nanobind::module_& m);
void bind_solvers(nanobind::module_& m);
void bind_network(nanobind::module_& m);
void bind_sameness(nanobind::module_& m);
void bind_row_copies(nanobind::module_& m);

}  // namespace n2d2::bindings
