// Gemm and MatMul: Y = alpha A B + beta C on register tiles of our own, split over lanes by rows, features or partial sums.
#include <cstring>

#include "n2d2/backends/cpu/kernels/kernels.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/error.h"
#include "n2d2/ir/memory_order.h"

namespace n2d2::cpu {
namespace {

using plan::Access;
using plan::Emitter;
using plan::Lane;
using plan::Operand;
using plan::Range;

constexpr std::int64_t kRowsForDot = 8;        // up to here reading a weight once beats packing it
constexpr std::int64_t kRowsForPacking = 16;   // from here on a packed copy of a weight pays
constexpr std::int64_t kRowsForFeatures = 16;  // rows of a lane: up to here lanes may share out a large weight instead of the rows
constexpr std::int64_t kWeightsForFeatures =
    1 << 12;                                          // floats that every lane would have to read, and take from the lane that updates them
constexpr std::int64_t kGradientsForFeatures = 2048;  // floats of a weight gradient that are worth a barrier
constexpr std::int64_t kSumsForChunks = 1 << 15;      // floats of a weight gradient that may be read and written for every chunk
constexpr std::int64_t kGrain = 16;                   // features: slices of lanes begin at whole cache lines
// Features whose weights are whole rows in memory: as fine as the slices of the update, so that a lane uses the weights it has updated
// itself; those of the other lane's would have to come from another core.
constexpr std::int64_t kGrainOfRows = 2;

/// One of the three extents of the product: a number, or so many per row of the batch.
struct Extent {
  Dim dim;
  std::int64_t of_lane(const Lane& lane) const { return dim.at(lane.rows); }
  std::int64_t of_all(const Lane& lane) const { return dim.at(lane.total_rows); }
};

/// A matrix operand: `rows` and `columns` are distances in floats between neighbours along its two axes in the product.
struct Matrix {
  const ir::Value* value = nullptr;
  Operand operand;
  std::int64_t down = 0;
  std::int64_t across = 0;
  Matrix transposed() const { return {value, operand, across, down}; }
  explicit operator bool() const { return value != nullptr; }
  bool is_batched() const { return value->is_batched(); }
};

/// The product after all transpositions: y[m,n] = sum over k of a[m,k] b[k,n], columns of y being neighbours in memory.
struct Product {
  Extent m, n, k;
  Matrix a, b, c, y;
  float alpha = 1.0F, beta = 1.0F;

  void transpose() {
    std::swap(m, n);
    const Matrix old = a;
    a = b.transposed();
    b = old.transposed();
    c = c ? c.transposed() : c;
    y = y.transposed();
  }
};

std::vector<std::int64_t> strides_of(const ir::Value& value) { return ir::strides_of(value.shape(), ir::order_of(value)); }

Matrix matrix_of(const ir::Value& value, bool transposed) {
  const auto strides = strides_of(value);
  const Matrix matrix{&value, {}, strides[0], strides[1]};
  return transposed ? matrix.transposed() : matrix;
}

/// C of shape [], [N], [1,N], [M,1] or [M,N], repeated by distances of 0.
Matrix broadcast(const ir::Value& value) {
  const auto strides = strides_of(value);
  const int rank = value.rank();
  const auto distance = [&](int axis) {
    const bool repeats = axis < 0 || (!value.shape()[axis].per_row && value.shape()[axis].size == 1);
    return repeats ? 0 : strides[static_cast<std::size_t>(axis)];
  };
  return {&value, {}, distance(rank - 2), distance(rank - 1)};
}

Product gemm_product(const ir::Node& node) {
  const bool trans_a = node.integer("transA") != 0, trans_b = node.integer("transB") != 0;
  Product product;
  product.a = matrix_of(*node.input(0), trans_a);
  product.b = matrix_of(*node.input(1), trans_b);
  product.y = matrix_of(*node.output(), false);
  if (node.input(2) != nullptr) product.c = broadcast(*node.input(2));
  product.m.dim = node.output_shape()[0];
  product.n.dim = node.output_shape()[1];
  product.k.dim = node.input_shape(0)[trans_a ? 0 : 1];
  product.alpha = static_cast<float>(node.number("alpha"));
  product.beta = static_cast<float>(node.number("beta"));
  return product;
}

/// All axes of A and Y but the last become one.
Product matmul_product(const ir::Node& node) {
  const ir::Value& a = *node.input(0);
  const ir::Value& y = *node.output();
  Product product;
  product.k.dim = a.shape()[a.rank() - 1];
  product.n.dim = y.shape()[y.rank() - 1];
  const std::int64_t rows = a.shape().elements_per_row() / std::max<std::int64_t>(product.k.dim.size, 1);
  product.m.dim = a.is_batched() ? Dim::rows(rows) : Dim(rows);
  product.a = {&a, {}, product.k.dim.size, 1};
  product.b = matrix_of(*node.input(1), false);
  product.y = {&y, {}, product.n.dim.size, 1};
  return product;
}

Product product_of(const ir::Node& node) {
  Product product = node.op().name == "MatMul" ? matmul_product(node) : gemm_product(node);
  // A row of one element has its neighbour anywhere: call it adjacent.
  if (!product.n.dim.per_row && product.n.dim.size == 1) product.y.across = 1;
  if (product.y.across != 1) product.transpose();
  return product;
}

std::string refuses_product(const ir::Node& node) {
  if (node.op().name == "MatMul") {
    if (node.input_shape(1).is_batched() || node.input_shape(1).rank() != 2) return "B is no matrix for all rows";
    for (const ir::Value* value : {node.input(0), node.output()}) {
      std::vector<int> row_major(static_cast<std::size_t>(value->rank()));
      for (int i = 0; i < value->rank(); ++i) row_major[static_cast<std::size_t>(i)] = i;
      if (!ir::same_memory(*value, ir::order_of(*value), row_major)) return "A and Y must be row-major";
    }
  }
  const Product product = product_of(node);
  if (product.y.across != 1) return "neither axis of Y is adjacent in memory";
  if (product.n.dim.per_row) return "the features of the result depend on the batch";
  if (product.k.dim.per_row && product.c && product.c.is_batched()) return "C depends on the batch, Y does not";
  return {};
}

GemmTask task_of(const Product& product) {
  return {.a_m = product.a.down,
          .a_k = product.a.across,
          .b_k = product.b.down,
          .b_n = product.b.across,
          .y_m = product.y.down,
          .alpha = product.alpha,
          .beta = product.beta,
          .c_m = product.c.down,
          .c_n = product.c.across};
}

/// How B is read: as it lies, from a packed copy, or by scalar products.
struct Reading {
  Operand panels, scratch;
  bool dot = false;
};

Reading plan_reading(Emitter& emit, const Product& product, std::int64_t rows) {
  const GemmBodies& gemm = simd().gemm;
  Reading reading;
  const std::int64_t k = product.k.dim.at(emit.capacity());
  const bool is_fixed = product.b.value->kind == ir::ValueKind::parameter || product.b.value->kind == ir::ValueKind::constant;
  const bool adjacent = product.b.across == 1;
  const bool dot_fits = product.a.across == 1 && product.b.down == 1 && k >= 4 * gemm.lanes;
  if (!adjacent && dot_fits && rows <= kRowsForDot) {
    reading.dot = true;
  } else if (is_fixed && !product.k.dim.per_row && (!adjacent || rows >= kRowsForPacking)) {
    const std::int64_t n = product.n.dim.size;
    reading.panels = emit.packed(gemm.packed_floats(k, n) * 4);
    const auto run = [b = product.b, panels = reading.panels, k, n](const Lane& lane) {
      const Range slice = plan::slice_of(n, lane, simd().gemm.panel);
      simd().gemm.pack(b.operand.all(lane) + slice.begin * b.across, b.down, b.across, k, slice.size(), panels.all(lane) + slice.begin * k);
    };
    emit.pack(product.b.operand, reading.panels, run, true);
  } else {
    reading.scratch = emit.scratch(gemm.scratch_floats(rows, k) * 4);
  }
  return reading;
}

/// Computes columns [columns.begin, columns.end); the task's pointers stand at column 0.
void run(GemmTask task, const Reading& reading, const Lane& lane, Range columns) {
  const GemmBodies& gemm = simd().gemm;
  task.n = columns.size();
  if (task.n == 0 || task.m == 0) return;
  task.y += columns.begin;
  if (task.c != nullptr) task.c += columns.begin * task.c_n;
  if (reading.panels) {
    task.panels = reading.panels.all(lane) + columns.begin * task.k;
  } else {
    task.b += columns.begin * task.b_n;
    if (reading.scratch) task.scratch = reading.scratch.own(lane);
  }
  (reading.dot ? gemm.dot : gemm.run)(task);
}

/// Each lane has rows of A and Y.
void prepare_by_rows(Emitter& emit, const Product& product) {
  const Reading reading = plan_reading(emit, product, product.m.dim.at(emit.lane_capacity()));
  std::vector<plan::Use> extra;
  if (reading.scratch) extra.push_back(plan::writes(reading.scratch, Access::own));
  emit.rows(
      [product, reading](const Lane& lane) {
        GemmTask task = task_of(product);
        task.m = product.m.of_lane(lane);
        task.k = product.k.of_all(lane);
        task.a = product.a.operand.rows(lane);
        task.b = product.b.operand.all(lane);
        task.y = product.y.operand.rows(lane);
        if (product.c) task.c = product.c.is_batched() ? product.c.operand.rows(lane) : product.c.operand.all(lane);
        run(task, reading, lane, {0, product.n.dim.size});
      },
      std::move(extra));
}

/// Each lane has columns of Y, or rows of an Y that is no batch; it reads whatever it needs of A and B.
void prepare_by_features(Emitter& emit, const Product& product, bool split_rows) {
  const Reading reading = plan_reading(emit, product, product.m.dim.at(emit.capacity()));
  std::vector<plan::Use> uses = {plan::writes(product.y.operand, Access::features), plan::reads(product.a.operand, Access::all),
                                 plan::reads(product.b.operand, Access::all)};
  if (product.c) uses.push_back(plan::reads(product.c.operand, Access::all));
  if (reading.scratch) uses.push_back(plan::writes(reading.scratch, Access::own));
  emit.step(std::move(uses), [product, reading, split_rows](const Lane& lane) {
    GemmTask task = task_of(product);
    const std::int64_t m = product.m.of_all(lane), n = product.n.dim.size;
    const Range rows = split_rows ? plan::slice_of(m, lane, n < kGrain ? kGrain : kGrainOfRows) : Range{0, m};
    task.m = rows.size();
    task.k = product.k.of_all(lane);
    task.a = product.a.operand.all(lane) + rows.begin * task.a_m;
    task.b = product.b.operand.all(lane);
    task.y = product.y.operand.all(lane) + rows.begin * task.y_m;
    if (product.c) task.c = product.c.operand.all(lane) + rows.begin * task.c_m;
    run(task, reading, lane, split_rows ? Range{0, n} : plan::slice_of(n, lane, reading.dot ? kGrainOfRows : simd().gemm.panel));
  });
}

/// Whether vectors along the columns of Y would stay much emptier than along its rows.
bool wastes_vectors(std::int64_t m, std::int64_t n) {
  const std::int64_t lanes = simd().gemm.lanes;
  const auto padded = [&](std::int64_t extent) { return (extent + lanes - 1) / lanes * lanes; };
  return 5 * padded(m) * n < 4 * padded(n) * m;
}

/// Each lane adds up its own rows into its own copy of Y. Where the columns of Y are few, the sums lie the other way round until the last.
void prepare_partial(Emitter& emit, Product product) {
  const Matrix y{nullptr, emit.partial_out(), product.y.down, 1};
  const bool turned = wastes_vectors(product.m.dim.size, product.n.dim.size);
  product.y.operand = y.operand;
  std::vector<plan::Use> extra = {plan::writes(y.operand, Access::own)};
  if (turned) {
    product.transpose();
    product.y = {nullptr, emit.scratch(product.m.dim.size * product.n.dim.size * 4, true), product.n.dim.size, 1};
    extra.push_back(plan::writes(product.y.operand, Access::own));
  }
  const std::int64_t m = product.m.dim.size, n = product.n.dim.size;
  const Reading reading = plan_reading(emit, product, m);
  if (reading.scratch) extra.push_back(plan::writes(reading.scratch, Access::own));
  const auto run_lane = [=](const Lane& lane) {
    GemmTask task = task_of(product);
    task.m = m;
    task.k = product.k.of_lane(lane);
    task.a = product.a.operand.rows(lane);
    task.b = product.b.operand.rows(lane);
    task.y = product.y.operand.own(lane);
    if (!lane.is_first) {
      task.c = task.y;
      task.c_m = task.y_m;
      task.c_n = 1;
      task.beta = 1.0F;
    }
    run(task, reading, lane, {0, n});
    if (turned && lane.is_last) simd().transpose(task.y, n, y.operand.own(lane), y.down, n, m);
  };
  const bool goes_on = m * n <= kSumsForChunks && product.alpha == 1.0F;
  goes_on ? emit.summed_rows(run_lane, std::move(extra)) : emit.rows(run_lane, std::move(extra));
}

/// Each lane adds up its slice of k, which are output features of a layer whose weights it updates, into its own copy of Y; then each
/// sums the copies of its rows.
void prepare_by_inputs(Emitter& emit, const Product& product) {
  const std::int64_t m = product.m.dim.at(emit.capacity()), n = product.n.dim.size, k = product.k.dim.size;
  const std::int64_t padded = (n + kGrain - 1) / kGrain * kGrain;
  const Operand sums = emit.scratch(m * padded * 4), packing = emit.scratch(simd().gemm.scratch_floats(m, k) * 4);
  emit.step({plan::writes(sums, Access::own), plan::writes(packing, Access::own), plan::reads(product.a.operand, Access::all),
             plan::reads(product.b.operand, Access::all)},
            [=](const Lane& lane) {
              const Range slice = plan::slice_of(k, lane, kGrainOfRows);
              GemmTask task = task_of(product);
              task.m = product.m.of_all(lane);
              task.n = n;
              task.k = slice.size();
              task.a = product.a.operand.all(lane) + slice.begin * task.a_k;
              task.b = product.b.operand.all(lane) + slice.begin * task.b_k;
              task.y = sums.own(lane);
              task.y_m = padded;
              task.scratch = packing.own(lane);
              simd().gemm.run(task);
            });
  emit.step({plan::reads(sums, Access::all), plan::writes(product.y.operand, Access::rows)}, [=](const Lane& lane) {
    const std::int64_t rows = product.m.of_lane(lane), first = product.m.dim.at(lane.row0);
    float* y = product.y.operand.rows(lane);
    for (std::int64_t row = 0; row < rows; ++row, y += product.y.down) {
      std::memcpy(y, sums.copy_of(0, lane) + (first + row) * padded, static_cast<std::size_t>(n) * sizeof(float));
      for (int i = 1; i < lane.count; ++i) simd().accumulate(sums.copy_of(i, lane) + (first + row) * padded, y, n);
    }
  });
}

/// Whether sharing out the features of a weight gradient, at the price of a barrier, beats a copy of it per lane.
bool gradient_by_features(const Emitter& emit, const Product& product) {
  const std::int64_t m = product.m.dim.size, n = product.n.dim.size;
  if (product.c) return true;
  if (emit.lanes() == 1) return m * n > kSumsForChunks;
  const std::int64_t exchanged = product.k.dim.at(emit.capacity()) * (m + n);
  return m * n >= kGradientsForFeatures && exchanged < emit.lanes() * m * n;
}

void prepare_product(Emitter& emit) {
  Product product = product_of(emit.node());
  for (Matrix* matrix : {&product.a, &product.b, &product.c}) {
    if (*matrix) matrix->operand = emit.operand(*matrix->value);
  }
  if (product.k.dim.per_row && !gradient_by_features(emit, product)) return prepare_partial(emit, product);
  product.y.operand = emit.out();
  if (!product.m.dim.per_row) return prepare_by_features(emit, product, product.m.dim.size >= product.n.dim.size);
  const bool few_rows = product.m.dim.at(emit.lane_capacity()) <= kRowsForFeatures;
  const bool large = product.k.dim.size * product.n.dim.size >= kWeightsForFeatures;
  // Rows of a weight are neighbours in memory and belong to one lane. Where they are the columns of B, so are those of Y; where they are
  // its rows, each lane has a part of every sum.
  const bool by_rows_of_weight = product.b.value->kind == ir::ValueKind::parameter && product.b.down > product.b.across;
  if (emit.lanes() > 1 && few_rows && large) {
    return by_rows_of_weight && !product.c ? prepare_by_inputs(emit, product) : prepare_by_features(emit, product, false);
  }
  prepare_by_rows(emit, product);
}

}  // namespace

std::vector<plan::KernelEntry> gemm_kernels() {
  return {{"Gemm", "gemm:tiles", refuses_product, prepare_product}, {"MatMul", "matmul:tiles", refuses_product, prepare_product}};
}

}  // namespace n2d2::cpu
