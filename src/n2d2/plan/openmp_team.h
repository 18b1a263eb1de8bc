// The OpenMP threads of torch. Its workers spin after each of torch's own regions, so threads beside them would find no core
// (measured: 30 to 70 times slower steps).
#pragma once
#include <string>

#include "n2d2/plan/thread_source.h"

namespace n2d2::plan {

class OpenMpTeam final : public ThreadSource {
 public:
  /// Takes the libgomp that is loaded from `path`; throws BackendError when none is, or when functions are missing.
  explicit OpenMpTeam(const std::string& path);

  const char* name() const override { return "openmp"; }
  /// One parallel region. The team may be smaller than wanted: torch.set_num_threads, OMP_THREAD_LIMIT, or a region around the caller.
  int run(int wanted, const ThreadWork& work) override;

 private:
  void (*parallel_)(void (*)(void*), void*, unsigned, unsigned) = nullptr;
  int (*team_size_)() = nullptr;
  int (*thread_)() = nullptr;
  int (*most_threads_)() = nullptr;
};

/// What of torch is loaded in this process. Another libgomp, such as scikit-learn's renamed copy, is not torch's.
struct LoadedTorch {
  bool is_loaded = false;
  std::string openmp_path;  ///< its own libgomp, or empty
};
LoadedTorch find_torch();
/// Grows whenever a library is loaded: time to look for torch again. Cheap.
unsigned long long loaded_libraries();

}  // namespace n2d2::plan
