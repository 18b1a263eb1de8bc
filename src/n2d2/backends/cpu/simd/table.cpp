// Puts the bodies of one instruction set into its table.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

void add_update(Simd& table);
void add_accumulate(Simd& table);
void add_pool(Simd& table);
void add_sparse(Simd& table);
void add_sparse_lists(Simd& table);
void add_sparse_marks(Simd& table);
void add_sparse_window(Simd& table);
void add_sparse_pick(Simd& table);
void add_transpose(Simd& table);
void add_random(Simd& table);
void add_outer(Simd& table);
void add_depthwise(Simd& table);
void add_gemm(Simd& table);
void add_dot(Simd& table);
void add_conv(Simd& table);
void add_conv_pool(Simd& table);
void add_conv_windows(Simd& table);
void add_winograd(Simd& table);
void add_winograd_weights(Simd& table);
void add_winograd_products(Simd& table);
void add_winograd_strided(Simd& table);
void add_eltwise(Simd& table);
void add_unary(Simd& table);
void add_normalize(Simd& table);
void add_layer_norm(Simd& table);
void add_resample(Simd& table);
void add_softmax(Simd& table);
void add_average(Simd& table);
void add_recurrent(Simd& table);

namespace {

#define N2D2_TEXT_OF(x) #x
#define N2D2_TEXT(x) N2D2_TEXT_OF(x)
Simd make_table() {
  Simd table;
  table.isa = N2D2_TEXT(N2D2_ISA);
  table.lanes = kLanes;
  add_update(table);
  add_accumulate(table);
  add_pool(table);
  add_sparse(table);
  add_sparse_lists(table);
  add_sparse_marks(table);
  add_sparse_window(table);
  add_sparse_pick(table);
  add_transpose(table);
  add_random(table);
  add_outer(table);
  add_depthwise(table);
  add_gemm(table);
  add_dot(table);
  add_conv(table);
  add_conv_pool(table);
  add_conv_windows(table);
  add_winograd(table);
  add_winograd_weights(table);
  add_winograd_products(table);
  add_winograd_strided(table);
  add_eltwise(table);
  add_unary(table);
  add_normalize(table);
  add_layer_norm(table);
  add_resample(table);
  add_softmax(table);
  add_average(table);
  add_recurrent(table);
  return table;
}

}  // namespace

const Simd& table() {
  static const Simd made = make_table();
  return made;
}

}  // namespace n2d2::cpu::N2D2_ISA
