// A list of bodies by the name of their operator: what kernels/bodies.h looks up.
#pragma once

namespace n2d2::cpu {

template <class Body>
struct Rows {
  const Body* first = nullptr;
  int count = 0;
  const Body* begin() const { return first; }
  const Body* end() const { return first + count; }
};

}  // namespace n2d2::cpu
