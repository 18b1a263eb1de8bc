// oneDNN 3 through its C interface: owned handles, single-threaded primitives, and the same operation for any number of rows.
#pragma once
#include <oneapi/dnnl/dnnl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "n2d2/plan/lane.h"

namespace n2d2::cpu::onednn {

using Desc = std::shared_ptr<dnnl_memory_desc>;
using PrimitiveDesc = std::shared_ptr<dnnl_primitive_desc>;
using Dims = std::vector<dnnl_dim_t>;

/// Throws BackendError saying that `what` failed.
void check(dnnl_status_t status, const char* what);

/// Inside its scope oneDNN works on the calling thread alone. Needed where primitives are made and where they run: some take
/// the number of threads from the one, some from the other.
class OneThread {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

dnnl_engine_t engine();
/// Attributes of every primitive of ours: the scratchpad comes from the caller.
const_dnnl_primitive_attr_t user_scratchpad();
Desc strided(const Dims& dims, const Dims& strides);
/// The primitive chooses the format.
Desc any_format(const Dims& dims);
/// The format that a primitive chose for one of its arguments, such as DNNL_ARG_WEIGHTS.
Desc chosen(const PrimitiveDesc& primitive, int argument);
inline bool same(const Desc& a, const Desc& b) { return dnnl_memory_desc_equal(a.get(), b.get()) != 0; }
inline std::int64_t bytes_of(const Desc& desc) { return static_cast<std::int64_t>(dnnl_memory_desc_get_size(desc.get())); }
std::int64_t scratch_bytes(const PrimitiveDesc& primitive);
/// Name of the implementation, such as "jit:avx512_core".
std::string implementation(const PrimitiveDesc& primitive);

/// Primitives made since the start of the process. Tests use it to show that no step makes one.
std::int64_t primitives_created();

/// A primitive with the memory objects of one lane: running it only sets addresses.
class Execution {
 public:
  /// `arguments` are the DNNL_ARG_... that run() gets addresses for.
  Execution(const PrimitiveDesc& desc, std::shared_ptr<dnnl_primitive> primitive, std::vector<int> arguments);
  /// One address per argument; `scratch` holds scratch_bytes.
  void run(float* const* addresses, void* scratch) const;

 private:
  std::shared_ptr<dnnl_primitive> primitive_;
  std::shared_ptr<dnnl_stream> stream_;
  std::vector<std::shared_ptr<dnnl_memory>> memories_;
  std::shared_ptr<dnnl_memory> scratch_;
  std::vector<dnnl_exec_arg_t> arguments_;
};

std::shared_ptr<dnnl_primitive> make_primitive(const PrimitiveDesc& desc);

/// Copies from one format to another.
class Reordering {
 public:
  Reordering(const Desc& from, const Desc& to, int lanes);
  std::int64_t scratch_bytes() const { return scratch_bytes_; }
  void run(int lane, const float* from, float* to, void* scratch) const;

 private:
  std::vector<Execution> lanes_;
  std::int64_t scratch_bytes_ = 0;
};

/// One operation for 1, 2, 4, ... rows, made for every lane beforehand; any number of rows is a sequence of those.
class RowPrimitives {
 public:
  struct Argument {
    int index;                    ///< DNNL_ARG_...
    std::int64_t floats_per_row;  ///< 0: the same for all rows
  };
  using Describe = std::function<PrimitiveDesc(std::int64_t rows)>;
  static constexpr std::int64_t kMostRows = 64;
  static std::int64_t largest_chunk(std::int64_t rows);

  RowPrimitives(std::int64_t most_rows, int lanes, std::vector<Argument> arguments, const Describe& describe);
  std::int64_t scratch_bytes() const { return scratch_bytes_; }
  /// Runs as many of `rows` > 0 as one primitive takes, moves the addresses behind them, and returns their number.
  std::int64_t run_some(int lane, std::int64_t rows, float** addresses, void* scratch) const;

 private:
  struct Chunk {
    std::int64_t rows;
    std::vector<Execution> lanes;
  };
  std::vector<Argument> arguments_;
  std::vector<Chunk> chunks_;  ///< largest first
  std::int64_t scratch_bytes_ = 0;
};

}  // namespace n2d2::cpu::onednn
