// Zeroed bytes aligned to a cache line, large ones to a huge page.
#pragma once
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace n2d2::plan {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(std::size_t bytes) : bytes_(bytes) {
    if (bytes == 0) return;
    const std::size_t alignment = bytes < kHugePage ? kAlignment : kHugePage;
    const std::size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    memory_.reset(static_cast<char*>(std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment)));
    if (!memory_) throw std::bad_alloc();
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    // Pages that lie together also spread evenly over the sets of the caches. Where the system has none, nothing changes.
    if (bytes >= kHugePage) madvise(memory_.get(), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
    std::memset(memory_.get(), 0, rounded);
  }
  char* data() const { return memory_.get(); }
  std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kAlignment = 64;
  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  struct Free {
    void operator()(char* memory) const { std::free(memory); }
  };
  std::unique_ptr<char, Free> memory_;
  std::size_t bytes_ = 0;
};

}  // namespace n2d2::plan
