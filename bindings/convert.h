// Between Python's objects and ours.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstdint>
#include <vector>

#include "n2d2/core/shape.h"
#include "n2d2/ir/attributes.h"
#include "n2d2/ir/type.h"

namespace n2d2::bindings {

/// -1 is the number of rows, -k is k times that.
Shape shape_from(const std::vector<std::int64_t>& extents);
std::vector<std::int64_t> shape_to(const Shape& shape);
ir::Attributes attributes_from(const nanobind::dict& items);
nanobind::dict attributes_to(const ir::Attributes& attributes);
DType dtype_of_array(nanobind::dlpack::dtype dtype);
/// Where the memory of each begins; they have to offer Python's buffer protocol.
std::vector<std::uintptr_t> addresses_of(const nanobind::list& buffers);

}  // namespace n2d2::bindings
