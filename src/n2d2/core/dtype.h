// Element types of tensors.
#pragma once
#include <cstddef>
#include <string_view>

namespace n2d2 {

enum class DType { float32, float64, int32, int64, uint8 };

std::size_t size_of(DType dtype);
std::string_view name_of(DType dtype);
/// The type of that NumPy name; throws TypeError for any other.
DType dtype_of(std::string_view name);

}  // namespace n2d2
