#include "convert.h"

#include <fmt/core.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "n2d2/core/error.h"

namespace nb = nanobind;

namespace n2d2::bindings {
namespace {

ir::Attribute attribute_from(const std::string& name, nb::handle value) {
  if (nb::isinstance<nb::str>(value)) return nb::cast<std::string>(value);
  if (PyFloat_Check(value.ptr())) return nb::cast<double>(value);
  std::int64_t integer = 0;
  if (nb::try_cast(value, integer)) return integer;
  double number = 0;
  if (nb::try_cast(value, number)) return number;
  std::vector<std::int64_t> integers;
  if (nb::try_cast(value, integers)) return integers;
  std::vector<double> numbers;
  if (nb::try_cast(value, numbers)) return numbers;
  throw TypeError(fmt::format("attribute '{}': expected int, float, str or a list of int or float, got {}", name,
                              nb::cast<std::string>(nb::str(value.type()))));
}

}  // namespace

Shape shape_from(const std::vector<std::int64_t>& extents) {
  std::vector<Dim> dims;
  for (const std::int64_t extent : extents) dims.push_back(extent < 0 ? Dim::rows(-extent) : Dim(extent));
  return Shape(std::move(dims));
}

std::vector<std::int64_t> shape_to(const Shape& shape) {
  std::vector<std::int64_t> extents;
  for (const Dim& dim : shape) extents.push_back(dim.per_row ? -dim.size : dim.size);
  return extents;
}

ir::Attributes attributes_from(const nb::dict& items) {
  ir::Attributes attributes;
  for (const auto& [key, value] : items) {
    const auto name = nb::cast<std::string>(key);
    attributes.set(name, attribute_from(name, value));
  }
  return attributes;
}

nb::dict attributes_to(const ir::Attributes& attributes) {
  nb::dict items;
  for (const auto& [name, attribute] : attributes.items()) {
    std::visit([&, &key = name](const auto& value) { items[key.c_str()] = nb::cast(value); }, attribute);
  }
  return items;
}

DType dtype_of_array(nb::dlpack::dtype dtype) {
  if (dtype == nb::dtype<float>()) return DType::float32;
  if (dtype == nb::dtype<std::int64_t>()) return DType::int64;
  if (dtype == nb::dtype<std::int32_t>()) return DType::int32;
  if (dtype == nb::dtype<std::uint8_t>()) return DType::uint8;
  throw TypeError("constant: expected an array of float32, int64, int32 or uint8");
}

std::vector<std::uintptr_t> addresses_of(const nb::list& buffers) {
  std::vector<std::uintptr_t> addresses;
  for (const nb::handle object : buffers) {
    Py_buffer buffer;
    if (PyObject_GetBuffer(object.ptr(), &buffer, PyBUF_FULL_RO) != 0) throw nb::python_error();
    addresses.push_back(reinterpret_cast<std::uintptr_t>(buffer.buf));
    PyBuffer_Release(&buffer);
  }
  return addresses;
}

}  // namespace n2d2::bindings
