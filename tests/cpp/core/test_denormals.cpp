// The modes are set inside the scope and what was there comes back.
#include <doctest/doctest.h>

#include <limits>

#include "n2d2/core/denormals.h"

namespace n2d2 {
namespace {

float half(float value) {
  volatile float x = value;
  return x * 0.5F;
}

TEST_CASE("denormals are zero inside the scope only") {
  const float smallest_normal = std::numeric_limits<float>::min();
  CHECK(half(smallest_normal) > 0.0F);
  {
    const FlushDenormals outer;
    CHECK(half(smallest_normal) == 0.0F);
    {
      const FlushDenormals inner;
      CHECK(half(smallest_normal) == 0.0F);
    }
    CHECK(half(smallest_normal) == 0.0F);
  }
  CHECK(half(smallest_normal) > 0.0F);
}

}  // namespace
}  // namespace n2d2
