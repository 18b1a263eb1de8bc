// RowCopies for Python. The caller keeps the arrays alive and has checked the row numbers.
#include "n2d2/plan/row_copies.h"

#include <nanobind/nanobind.h>

#include "bindings.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace n2d2::bindings {

void bind_row_copies(nb::module_& m) {
  using plan::RowCopies;
  nb::class_<RowCopies>(m, "RowCopies", "Copies chosen rows of arrays by all lanes; addresses are plain integers.")
      .def(nb::init<int>(), "lanes"_a = 0)
      .def(
          "add",
          [](RowCopies& copies, std::uintptr_t source, std::int64_t stride, std::int64_t bytes, std::uintptr_t target) {
            copies.add({reinterpret_cast<const char*>(source), stride, bytes, reinterpret_cast<char*>(target)});
          },
          "source"_a, "stride"_a, "bytes"_a, "target"_a, "Row r of the array lies at source + r * stride; chosen rows go to target.")
      .def(
          "run",
          [](RowCopies& copies, std::uintptr_t rows, std::int64_t count) {
            const nb::gil_scoped_release release;
            copies.run(reinterpret_cast<const std::int64_t*>(rows), count);
          },
          "rows"_a, "count"_a, "rows: address of `count` int64 row numbers.");
}

}  // namespace n2d2::bindings
