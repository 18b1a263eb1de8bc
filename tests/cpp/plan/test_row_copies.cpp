// Chosen rows of arrays, few and many, of any stride.
#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "n2d2/plan/row_copies.h"

namespace n2d2::plan {
namespace {

constexpr std::int64_t kRows = 40;

/// Checks the rows of an array of `width` numbers a row, of which `used` are copied, together with those of its last row upwards.
void check(std::int64_t width, std::int64_t used, const std::vector<std::int64_t>& rows, int lanes) {
  std::vector<std::int32_t> array(static_cast<std::size_t>(kRows * width));
  for (std::size_t i = 0; i < array.size(); ++i) array[i] = static_cast<std::int32_t>(i);
  std::vector<std::int32_t> forward(rows.size() * static_cast<std::size_t>(used)), backward(forward.size());
  const auto stride = static_cast<std::int64_t>(width * sizeof(std::int32_t)),
             bytes = static_cast<std::int64_t>(used * sizeof(std::int32_t));
  const auto* first = reinterpret_cast<const char*>(array.data());
  RowCopies copies(lanes);
  copies.add({first, stride, bytes, reinterpret_cast<char*>(forward.data())});
  copies.add({first + (kRows - 1) * stride, -stride, bytes, reinterpret_cast<char*>(backward.data())});
  copies.run(rows.data(), static_cast<std::int64_t>(rows.size()));
  bool is_right = true;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::int64_t j = 0; j < used; ++j) {
      const auto at = i * static_cast<std::size_t>(used) + static_cast<std::size_t>(j);
      is_right = is_right && forward[at] == rows[i] * width + j && backward[at] == (kRows - 1 - rows[i]) * width + j;
    }
  }
  CHECK(is_right);
}

TEST_CASE("chosen rows are copied in their order") {
  const std::vector<std::int64_t> some = {39, 0, 7, 7, 12, 38, 1}, none;
  for (const int lanes : {1, 2, 3, 16}) {
    check(1, 1, some, lanes);
    check(3000, 3000, some, lanes);  // enough bytes for all lanes
    check(3000, 2999, some, lanes);
    check(3000, 3000, {5}, lanes);
    check(3000, 3000, none, lanes);
  }
}

}  // namespace
}  // namespace n2d2::plan
