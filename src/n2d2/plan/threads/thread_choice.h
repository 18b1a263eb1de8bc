// Which threads this process computes with, also after a fork.
#pragma once
#include "n2d2/plan/threads/thread_source.h"

namespace n2d2::plan {

/// torch loaded: its OpenMP team, but none in a forked child, whose team is gone and beside whose workers own threads starve.
/// Otherwise own threads, made anew in a child. N2D2_THREAD_SOURCE = own | openmp forces one. Null: the caller's thread alone.
/// Throws ValueError when the variable names something else, BackendError when it asks for a team that is not there.
ThreadSource* choose_thread_source();

}  // namespace n2d2::plan
