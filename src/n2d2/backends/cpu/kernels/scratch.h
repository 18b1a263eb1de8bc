// How kernels cut the scratch of a lane.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

/// The bytes rounded up to whole cache lines, so that the next part begins at one.
inline std::int64_t whole_lines(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

}  // namespace n2d2::cpu
