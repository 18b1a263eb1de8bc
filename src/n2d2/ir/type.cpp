#include "n2d2/ir/type.h"

#include <fmt/core.h>

namespace n2d2::ir {

std::string TensorType::text() const { return fmt::format("{}{}", name_of(dtype), shape.text()); }

}  // namespace n2d2::ir
