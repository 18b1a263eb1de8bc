#include "n2d2/core/dtype.h"

#include <array>

#include <fmt/core.h>

#include "n2d2/core/error.h"

namespace n2d2 {
namespace {

struct Entry {
  DType dtype;
  std::string_view name;
  std::size_t bytes;
};

constexpr std::array<Entry, 5> kTypes{{{DType::float32, "float32", 4},
                                       {DType::float64, "float64", 8},
                                       {DType::int32, "int32", 4},
                                       {DType::int64, "int64", 8},
                                       {DType::uint8, "uint8", 1}}};

}  // namespace

std::size_t size_of(DType dtype) { return kTypes.at(static_cast<std::size_t>(dtype)).bytes; }

std::string_view name_of(DType dtype) { return kTypes.at(static_cast<std::size_t>(dtype)).name; }

DType dtype_of(std::string_view name) {
  for (const Entry& entry : kTypes) {
    if (entry.name == name) return entry.dtype;
  }
  throw TypeError(fmt::format("dtype '{}' is unknown; use float32, float64, int32, int64 or uint8", name));
}

}  // namespace n2d2
