// Shapes with a symbolic batch: an extent is a number, or a multiple of the rows of the batch.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace n2d2 {

/// One extent: `size`, or `size * rows` when `per_row`.
struct Dim {
  std::int64_t size = 0;
  bool per_row = false;

  constexpr Dim() = default;
  constexpr Dim(std::int64_t n) : size(n) {}  // NOLINT: a number is an extent
  static constexpr Dim rows(std::int64_t multiple = 1) {
    Dim dim(multiple);
    dim.per_row = true;
    return dim;
  }
  std::int64_t at(std::int64_t rows) const { return per_row ? size * rows : size; }
  bool operator==(const Dim&) const = default;
};

/// The extents of a tensor. At most one of them depends on the batch.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}

  int rank() const { return static_cast<int>(dims_.size()); }
  const Dim& operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  Dim& operator[](int axis) { return dims_[static_cast<std::size_t>(axis)]; }
  const std::vector<Dim>& dims() const { return dims_; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }

  /// True when one extent depends on the number of rows.
  bool is_batched() const { return batch_axis() >= 0; }
  /// The axis that depends on the number of rows, or -1.
  int batch_axis() const;
  /// Number of elements for one row of the batch, or in all when not batched.
  std::int64_t elements_per_row() const;
  std::int64_t elements(std::int64_t rows) const;
  std::vector<std::int64_t> at(std::int64_t rows) const;
  /// "[N,16,5,5]"; N is the number of rows, 4N a multiple of it.
  std::string text() const;
  bool operator==(const Shape&) const = default;

 private:
  std::vector<Dim> dims_;
};

/// `axis` counted from the end when negative; throws ValueError naming `what` when out of range.
int normalized_axis(std::int64_t axis, int rank, const std::string& what);

}  // namespace n2d2
