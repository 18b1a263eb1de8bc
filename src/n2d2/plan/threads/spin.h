// Waiting without sleeping, for at most a given time.
#pragma once
#include <sched.h>

#include <chrono>

namespace n2d2::plan {

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Spins until `done()` or until `limit` has passed by the clock; returns whether it was done. The number of pauses that fit into a
/// microsecond differs tenfold between processors, so the time is measured.
template <class Done>
bool spin_for(std::chrono::nanoseconds limit, const Done& done) {
  constexpr int kPausesPerLook = 16;
  const auto end = std::chrono::steady_clock::now() + limit;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (std::chrono::steady_clock::now() < end);
  return done();
}

/// Spins, and then lets others run between looks: the thread waited for may need this very core.
template <class Done>
void wait_until(const Done& done) {
  constexpr std::chrono::microseconds kSpin{98};  // a barrier of an undisturbed step takes less
  if (spin_for(kSpin, done)) return;
  while (!done()) sched_yield();
}

}  // namespace n2d2::plan
