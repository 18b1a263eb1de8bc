// Reshape: what it means.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include "n2d2/core/error.h"
#include "n2d2/ops/infer.h"
#include "n2d2/ops/ops.h"

namespace n2d2::ops {
namespace {

/// The elements per row are shared out over the given extents; the entry -1, or a copied (0) batch extent, takes the rows.
Types infer(const ir::Node& node) {
  const Shape& x = node.input_shape(0);
  const auto& wanted = node.integers("shape");
  const auto fail = [&] {
    return ShapeError(
        fmt::format("{} elements per row do not fit shape [{}] (input {})", x.elements_per_row(), fmt::join(wanted, ","), x.text()));
  };
  std::vector<Dim> dims;
  int open = -1;
  std::int64_t known = 1;
  bool has_rows = false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    Dim dim(wanted[i]);
    if (wanted[i] == 0) {
      if (static_cast<int>(i) >= x.rank()) throw fail();
      dim = x[static_cast<int>(i)];
    } else if (wanted[i] == -1) {
      if (open >= 0) throw ValueError("attribute 'shape' holds -1 twice");
      open = static_cast<int>(i);
      dim = Dim(1);
    } else if (wanted[i] < 0) {
      throw ValueError(fmt::format("attribute 'shape' holds {}", wanted[i]));
    }
    has_rows = has_rows || dim.per_row;
    known *= dim.size;
    dims.push_back(dim);
  }
  if (known == 0 || x.elements_per_row() % known != 0 || (open < 0 && x.elements_per_row() != known)) throw fail();
  if (open >= 0) {
    dims[static_cast<std::size_t>(open)].size = x.elements_per_row() / known;
    dims[static_cast<std::size_t>(open)].per_row = x.is_batched() && !has_rows;
  } else if (x.is_batched() && !has_rows) {
    throw ShapeError(
        fmt::format("shape [{}] fixes the number of rows; write -1 for the batch (input {})", fmt::join(wanted, ","), x.text()));
  }
  Shape y(std::move(dims));
  if (x.is_batched() && (x.batch_axis() != 0 || y.batch_axis() != 0)) {
    throw UnsupportedError(fmt::format("the batch must be on axis 0 before and after (input {}, output {})", x.text(), y.text()));
  }
  return {{y, node.input(0)->type.dtype}};
}

void gradient(ir::GradientContext& g) { g.set(0, reshaped_like(g, g.dy(), g.input(0))); }

}  // namespace

OpDef reshape() {
  return {.name = "Reshape",
          .since_opset = 14,
          .doc = "The same elements, row-major, under the extents `shape`; 0 copies an extent, -1 takes what is left.",
          .inputs = {{"data"}},
          .outputs = {"reshaped"},
          .attributes = {{"shape", std::vector<std::int64_t>{}}},
          .infer = infer,
          .gradient = gradient};
}

}  // namespace n2d2::ops
