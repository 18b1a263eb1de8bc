// The OpenMP threads of torch. Its workers spin after each of torch's own regions, so threads beside them would find no core
// (measured: 30 to 70 times slower steps).
#pragma once
#include <string>

#include "n2d2/plan/threads/thread_source.h"

namespace n2d2::plan {

class OpenMpTeam final : public ThreadSource {
 public:
  /// The team that `library`, which is loaded from that path, computes with: the OpenMP that the linker gave it. Its name tells
  /// nothing: it is torch's own copy, or another of the same name that was loaded before, and scikit-learn's renamed copy is a
  /// different one. Throws BackendError when the library is not loaded or has no OpenMP.
  explicit OpenMpTeam(const std::string& library);

  const char* name() const override { return "openmp"; }
  /// One parallel region. The team may be smaller than wanted: torch.set_num_threads, OMP_THREAD_LIMIT, or a region around the caller.
  int run(int wanted, const ThreadWork& work) override;

 private:
  void (*parallel_)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
  int (*team_size_)() = nullptr;
  int (*thread_)() = nullptr;
  int (*most_threads_)() = nullptr;
};

/// Path of torch's library, or empty when torch is not in this process.
std::string find_torch();
/// Grows whenever a library is loaded: time to look for torch again. Cheap.
unsigned long long loaded_libraries();

}  // namespace n2d2::plan
