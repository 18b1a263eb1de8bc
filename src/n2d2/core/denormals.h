// Denormal numbers count as zero while a step runs: dead units otherwise slow the solvers down several times.
#pragma once

namespace n2d2 {

/// Sets flush-to-zero and denormals-are-zero for the calling thread and restores what it found. Processors without such modes: nothing.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long long saved_;
};

}  // namespace n2d2
