#include "n2d2/backends/cpu/kernels/convolution/onednn.h"

#include <fmt/core.h>
#include <omp.h>

#include <algorithm>
#include <atomic>

#include "n2d2/core/error.h"

namespace n2d2::cpu::onednn {
namespace {

std::atomic<std::int64_t> created{0};

const char* text_of(dnnl_status_t status) {
  switch (status) {
    case dnnl_out_of_memory:
      return "out of memory";
    case dnnl_invalid_arguments:
      return "invalid arguments";
    case dnnl_unimplemented:
      return "not implemented";
    default:
      return "internal failure";
  }
}

std::shared_ptr<dnnl_memory> make_memory(const_dnnl_memory_desc_t desc) {
  dnnl_memory_t memory = nullptr;
  check(dnnl_memory_create(&memory, desc, engine(), DNNL_MEMORY_NONE), "memory object");
  return {memory, dnnl_memory_destroy};
}

const_dnnl_memory_desc_t desc_of(const PrimitiveDesc& primitive, int argument) {
  return dnnl_primitive_desc_query_md(primitive.get(), dnnl_query_exec_arg_md, argument);
}

}  // namespace

void check(dnnl_status_t status, const char* what) {
  if (status != dnnl_success) throw BackendError(fmt::format("oneDNN: {}: {}", what, text_of(status)));
}

OneThread::OneThread() : before_(omp_get_max_threads()) {
  if (before_ != 1) omp_set_num_threads(1);
}
OneThread::~OneThread() {
  if (before_ != 1) omp_set_num_threads(before_);
}

dnnl_engine_t engine() {
  static const std::shared_ptr<dnnl_engine> made = [] {
    dnnl_engine_t engine = nullptr;
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine");
    return std::shared_ptr<dnnl_engine>(engine, dnnl_engine_destroy);
  }();
  return made.get();
}

const_dnnl_primitive_attr_t user_scratchpad() {
  static const std::shared_ptr<dnnl_primitive_attr> made = [] {
    dnnl_primitive_attr_t attr = nullptr;
    check(dnnl_primitive_attr_create(&attr), "attributes");
    std::shared_ptr<dnnl_primitive_attr> owned(attr, dnnl_primitive_attr_destroy);
    check(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user), "scratchpad mode");
    return owned;
  }();
  return made.get();
}

Desc strided(const Dims& dims, const Dims& strides) {
  dnnl_memory_desc_t desc = nullptr;
  check(dnnl_memory_desc_create_with_strides(&desc, static_cast<int>(dims.size()), dims.data(), dnnl_f32, strides.data()), "memory format");
  return {desc, dnnl_memory_desc_destroy};
}

Desc any_format(const Dims& dims) {
  dnnl_memory_desc_t desc = nullptr;
  check(dnnl_memory_desc_create_with_tag(&desc, static_cast<int>(dims.size()), dims.data(), dnnl_f32, dnnl_format_tag_any),
        "memory format");
  return {desc, dnnl_memory_desc_destroy};
}

Desc chosen(const PrimitiveDesc& primitive, int argument) {
  dnnl_memory_desc_t copy = nullptr;
  check(dnnl_memory_desc_clone(&copy, desc_of(primitive, argument)), "memory format");
  return {copy, dnnl_memory_desc_destroy};
}

std::int64_t scratch_bytes(const PrimitiveDesc& primitive) {
  const_dnnl_memory_desc_t desc = desc_of(primitive, DNNL_ARG_SCRATCHPAD);
  return desc == nullptr ? 0 : static_cast<std::int64_t>(dnnl_memory_desc_get_size(desc));
}

std::string implementation(const PrimitiveDesc& primitive) {
  const char* name = nullptr;
  check(dnnl_primitive_desc_query(primitive.get(), dnnl_query_impl_info_str, 0, &name), "name of the implementation");
  return name;
}

std::int64_t primitives_created() { return created.load(); }

std::shared_ptr<dnnl_primitive> make_primitive(const PrimitiveDesc& desc) {
  dnnl_primitive_t primitive = nullptr;
  check(dnnl_primitive_create(&primitive, desc.get()), "primitive");
  created.fetch_add(1);
  return {primitive, dnnl_primitive_destroy};
}

Execution::Execution(const PrimitiveDesc& desc, std::shared_ptr<dnnl_primitive> primitive, std::vector<int> arguments)
    : primitive_(std::move(primitive)) {
  dnnl_stream_t stream = nullptr;
  check(dnnl_stream_create(&stream, engine(), dnnl_stream_default_flags), "stream");
  stream_ = {stream, dnnl_stream_destroy};
  for (const int argument : arguments) {
    memories_.push_back(make_memory(desc_of(desc, argument)));
    arguments_.push_back({argument, memories_.back().get()});
  }
  // Some primitives refuse a scratchpad of no bytes.
  if (scratch_bytes(desc) > 0) {
    scratch_ = make_memory(desc_of(desc, DNNL_ARG_SCRATCHPAD));
    arguments_.push_back({DNNL_ARG_SCRATCHPAD, scratch_.get()});
  }
}

void Execution::run(float* const* addresses, void* scratch) const {
  const OneThread one_thread;
  for (std::size_t i = 0; i < memories_.size(); ++i) check(dnnl_memory_set_data_handle(memories_[i].get(), addresses[i]), "address");
  if (scratch_) check(dnnl_memory_set_data_handle(scratch_.get(), scratch), "address");
  check(dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()), arguments_.data()), "execution");
}

Reordering::Reordering(const Desc& from, const Desc& to, int lanes) {
  const OneThread one_thread;
  dnnl_primitive_desc_t desc = nullptr;
  check(dnnl_reorder_primitive_desc_create(&desc, from.get(), engine(), to.get(), engine(), user_scratchpad()), "reorder");
  const PrimitiveDesc owned(desc, dnnl_primitive_desc_destroy);
  const auto primitive = make_primitive(owned);
  scratch_bytes_ = onednn::scratch_bytes(owned);
  for (int lane = 0; lane < lanes; ++lane) lanes_.emplace_back(owned, primitive, std::vector<int>{DNNL_ARG_FROM, DNNL_ARG_TO});
}

void Reordering::run(int lane, const float* from, float* to, void* scratch) const {
  float* const addresses[] = {const_cast<float*>(from), to};  // oneDNN has one type of memory, read or written
  lanes_[static_cast<std::size_t>(lane)].run(addresses, scratch);
}

std::int64_t RowPrimitives::largest_chunk(std::int64_t rows) {
  std::int64_t chunk = 1;
  while (2 * chunk <= std::min(rows, kMostRows)) chunk *= 2;
  return chunk;
}

RowPrimitives::RowPrimitives(std::int64_t most_rows, int lanes, std::vector<Argument> arguments, const Describe& describe)
    : arguments_(std::move(arguments)) {
  const OneThread one_thread;
  std::vector<int> indices;
  for (const Argument& argument : arguments_) indices.push_back(argument.index);
  for (std::int64_t rows = largest_chunk(most_rows); rows >= 1; rows /= 2) {
    const PrimitiveDesc desc = describe(rows);
    const auto primitive = make_primitive(desc);
    scratch_bytes_ = std::max(scratch_bytes_, onednn::scratch_bytes(desc));
    Chunk chunk{rows, {}};
    for (int lane = 0; lane < lanes; ++lane) chunk.lanes.emplace_back(desc, primitive, indices);
    chunks_.push_back(std::move(chunk));
  }
}

std::int64_t RowPrimitives::run_some(int lane, std::int64_t rows, float** addresses, void* scratch) const {
  const auto chunk = std::find_if(chunks_.begin(), chunks_.end(), [rows](const Chunk& c) { return c.rows <= rows; });
  chunk->lanes[static_cast<std::size_t>(lane)].run(addresses, scratch);
  for (std::size_t i = 0; i < arguments_.size(); ++i) addresses[i] += chunk->rows * arguments_[i].floats_per_row;
  return chunk->rows;
}

}  // namespace n2d2::cpu::onednn
