#include "n2d2/plan/threads/openmp_team.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <string_view>

#include "n2d2/core/error.h"

namespace n2d2::plan {
namespace {

/// Searches the library and what it was linked with, in that order.
template <class Function>
void load(void* library, const std::string& path, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) throw BackendError(path + " does not compute with OpenMP: it finds no function " + name);
}

struct Region {
  const ThreadWork& work;
  int (*team_size)();
  int (*thread)();
  int threads = 1;
};

void run_in_region(void* argument) {
  Region& region = *static_cast<Region*>(argument);
  const int thread = region.thread();
  const int threads = region.team_size();
  if (thread == 0) region.threads = threads;
  region.work(thread, threads);
}

}  // namespace

OpenMpTeam::OpenMpTeam(const std::string& library) {
  void* handle = dlopen(library.c_str(), RTLD_NOW | RTLD_NOLOAD);  // never closed: the functions stay in use
  if (handle == nullptr) throw BackendError(library + " is not loaded in this process");
  load(handle, library, "GOMP_parallel", parallel_);
  load(handle, library, "omp_get_num_threads", team_size_);
  load(handle, library, "omp_get_thread_num", thread_);
  load(handle, library, "omp_get_max_threads", most_threads_);
}

int OpenMpTeam::run(int wanted, const ThreadWork& work) {
  Region region{work, team_size_, thread_};
  const int threads = std::min(wanted, most_threads_());
  if (threads < 2) {
    work(0, 1);
    return 1;
  }
  parallel_(run_in_region, &region, static_cast<unsigned>(threads), 0);
  return region.threads;
}

std::string find_torch() {
  std::string found;
  const auto look = [](dl_phdr_info* info, std::size_t, void* argument) {
    const std::string_view path = info->dlpi_name == nullptr ? "" : info->dlpi_name;
    if (!path.ends_with("/libtorch_cpu.so")) return 0;
    *static_cast<std::string*>(argument) = path;
    return 1;
  };
  dl_iterate_phdr(look, &found);
  return found;
}

unsigned long long loaded_libraries() {
  unsigned long long count = 0;
  const auto first = [](dl_phdr_info* info, std::size_t, void* argument) {
    *static_cast<unsigned long long*>(argument) = info->dlpi_adds;
    return 1;
  };
  dl_iterate_phdr(first, &count);
  return count;
}

}  // namespace n2d2::plan
