// Functions of one variable and their gradients: the rows of simd/unary.cpp.
#pragma once
#include <cstdint>

namespace n2d2::cpu {

struct UnaryBody {
  static constexpr int kNumbers = 3;

  const char* op = nullptr;
  /// `numbers`: kNumbers attributes of the node.
  void (*value)(const float* x, float* y, std::int64_t n, const float* numbers) = nullptr;
  /// `saved` is x or y, whatever the record in ops/unary.cpp says.
  void (*gradient)(const float* dy, const float* saved, float* dx, std::int64_t n, const float* numbers) = nullptr;
  const char* names[kNumbers] = {};  ///< of the attributes, null for none
  const char* variant = "";          ///< text of the attribute `approximate` for which this is the body
};

}  // namespace n2d2::cpu
