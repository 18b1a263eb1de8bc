#include "n2d2/core/denormals.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace n2d2 {
namespace {

#if defined(__x86_64__)
constexpr unsigned long long kFlush = 0x8040;  // MXCSR: FTZ is bit 15, DAZ bit 6 (Intel SDM volume 1, 10.2.3)
unsigned long long control() { return _mm_getcsr(); }
void set_control(unsigned long long value) { _mm_setcsr(static_cast<unsigned>(value)); }
#elif defined(__aarch64__)
constexpr unsigned long long kFlush = 1ULL << 24;  // FPCR.FZ (Arm ARM, C5.2.8)
unsigned long long control() {
  unsigned long long value;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
void set_control(unsigned long long value) { asm volatile("msr fpcr, %0" : : "r"(value)); }
#else
constexpr unsigned long long kFlush = 0;
unsigned long long control() { return 0; }
void set_control(unsigned long long) {}
#endif

}  // namespace

FlushDenormals::FlushDenormals() : saved_(control()) { set_control(saved_ | kFlush); }
FlushDenormals::~FlushDenormals() { set_control(saved_); }

}  // namespace n2d2
