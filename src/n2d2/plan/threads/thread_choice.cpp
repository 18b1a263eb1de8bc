#include "n2d2/plan/threads/thread_choice.h"

#include <fmt/core.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "n2d2/core/error.h"
#include "n2d2/plan/threads/openmp_team.h"
#include "n2d2/plan/threads/own_threads.h"

namespace n2d2::plan {
namespace {

enum class Forced { no, own, openmp };

Forced forced_source() {
  const char* text = std::getenv("N2D2_THREAD_SOURCE");
  const std::string_view name = text == nullptr ? "" : text;
  if (name.empty()) return Forced::no;
  if (name == "own") return Forced::own;
  if (name == "openmp") return Forced::openmp;
  throw ValueError(fmt::format("environment variable N2D2_THREAD_SOURCE: expected own or openmp, got '{}'", name));
}

/// One for the whole process. Never destroyed: threads may still spin while the process exits.
class Choice {
 public:
  Choice() : pid_(getpid()), forced_(forced_source()) {}

  ThreadSource* choose() {
    const std::lock_guard lock(mutex_);
    if (getpid() != pid_) start_anew();  // a fork that ran no handlers
    look_for_torch();
    if (forced_ == Forced::own) return own();
    if (forced_ == Forced::openmp && !team_)
      throw BackendError("N2D2_THREAD_SOURCE=openmp: torch's OpenMP threads are not in this process");
    return has_torch_ ? team_.get() : own();
  }

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }
  /// The threads of the parent do not exist here: their objects are left alone, since joining them would never end.
  void start_anew() {
    pid_ = getpid();
    is_child_ = true;
    static_cast<void>(own_.release());
    static_cast<void>(team_.release());
  }

 private:
  ThreadSource* own() {
    if (!own_) own_ = std::make_unique<OwnThreads>();
    return own_.get();
  }

  void look_for_torch() {
    const unsigned long long libraries = loaded_libraries();
    if (libraries == libraries_) return;
    libraries_ = libraries;
    const std::string torch = find_torch();
    has_torch_ = !torch.empty();
    if (!has_torch_ || team_ || is_child_) return;
    try {
      team_ = std::make_unique<OpenMpTeam>(torch);
    } catch (const BackendError&) {
      // a torch without OpenMP: one thread, which N2D2_THREAD_SOURCE can change
    }
  }

  std::mutex mutex_;
  pid_t pid_;
  Forced forced_;
  bool is_child_ = false;
  bool has_torch_ = false;
  unsigned long long libraries_ = 0;
  std::unique_ptr<OwnThreads> own_;
  std::unique_ptr<OpenMpTeam> team_;
};

Choice& choice() {
  static Choice* const made = [] {
    static Choice* in_handlers;  // captureless handlers reach it here
    in_handlers = new Choice;
    pthread_atfork([] { in_handlers->lock(); }, [] { in_handlers->unlock(); },
                   [] {
                     in_handlers->start_anew();
                     in_handlers->unlock();
                   });
    return in_handlers;
  }();
  return *made;
}

}  // namespace

ThreadSource* choose_thread_source() { return choice().choose(); }

}  // namespace n2d2::plan
