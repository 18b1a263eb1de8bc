// Which instruction set the vector bodies use: asked of the processor once.
#include "n2d2/backends/cpu/simd/simd.h"

#include <fmt/core.h>

#include <cstdlib>
#include <string_view>

#include "n2d2/core/error.h"

namespace n2d2::cpu {
namespace {

struct Isa {
  std::string_view name;
  bool (*available)();
  const Simd& (*table)();
};

bool has_avx512() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }
bool has_generic() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }

/// Best first.
constexpr Isa kIsas[] = {{"avx512", has_avx512, avx512::table}, {"avx2", has_avx2, avx2::table}, {"generic", has_generic, generic::table}};

const Simd& choose() {
  __builtin_cpu_init();
  const char* most = std::getenv("N2D2_MAX_ISA");
  bool is_allowed = most == nullptr || *most == '\0';
  if (!is_allowed) static_cast<void>(simd_of(most));  // throws for an unknown name
  for (const Isa& isa : kIsas) {
    is_allowed = is_allowed || isa.name == most;
    if (is_allowed && isa.available()) return isa.table();
  }
  throw BackendError("this processor lacks SSE4.2, which every kernel needs");
}

}  // namespace

const Simd* simd_of(const char* isa) {
  __builtin_cpu_init();
  for (const Isa& known : kIsas) {
    if (known.name == isa) return known.available() ? &known.table() : nullptr;
  }
  throw ValueError(fmt::format("N2D2_MAX_ISA={}: unknown; choose generic, avx2 or avx512", isa));
}

const Simd& simd() {
  static const Simd& chosen = choose();
  return chosen;
}

}  // namespace n2d2::cpu
