// One row of windows of a max-pool, from rows that may lie in a ring.
#pragma once
#include "n2d2/backends/cpu/kernels/pools/pool_geometry.h"

namespace n2d2::cpu {

/// Windows (i, 0), (i, 1), ... of the pool. Row r of its input lies in row r % ring of `rows`.
void pool_row(const PoolGeometry& pool, bool relu, std::int64_t i, const float* rows, std::int64_t ring, float* y, std::uint8_t* argmax);

}  // namespace n2d2::cpu
