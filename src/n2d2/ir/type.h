// The type of a value: element type and shape.
#pragma once
#include <string>

#include "n2d2/core/dtype.h"
#include "n2d2/core/shape.h"

namespace n2d2::ir {

struct TensorType {
  Shape shape;
  DType dtype = DType::float32;
  bool operator==(const TensorType&) const = default;
  std::string text() const;
};

}  // namespace n2d2::ir
