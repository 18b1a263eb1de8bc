// The emitter of the compiler: keeps what the kernels ask for until memory is planned.
#pragma once
#include <string>
#include <vector>

#include "n2d2/plan/emitter.h"
#include "n2d2/plan/memory/storage_map.h"
#include "n2d2/plan/planned_step.h"
#include "n2d2/plan/schedule.h"

namespace n2d2::plan {

class CollectingEmitter final : public Emitter {
 public:
  CollectingEmitter(StorageMap& storages, std::int64_t capacity, int lanes) : storages_(storages), capacity_(capacity), lanes_(lanes) {}

  void begin(const ir::Node& node, const std::string& kernel);

  Operand operand(const ir::Value& value) override { return Operand(storages_.of(value)); }
  Operand partial_out(std::size_t i) override { return Operand(storages_.make_partial(*node().output(i))); }
  bool is_partial(std::size_t i) override { return storages_.of(*node().input(i))->per_lane; }
  Operand scratch(std::int64_t bytes, bool kept) override {
    Storage* storage = storages_.scratch("scratch of " + node().label(), bytes, -1);
    storage->kept = kept;
    return Operand(storage);
  }
  Operand packed(std::int64_t bytes) override {
    return Operand(storages_.scratch("packed for " + node().label(), bytes, bytes <= kMostPackedOwn ? kPackedOwn : kPacked));
  }
  void step(std::vector<Use> uses, Run run) override { add(program(), std::move(uses), std::move(run)); }
  void chunked_step(std::vector<Use> uses, Run run) override;
  void single(Run run, std::vector<Use> extra) override;
  void late(Run run, std::vector<Use> extra) override;
  void pack(Operand parameter, Operand packed, Run run, bool sliced) override;

  std::vector<PlannedStep> forward, backward, last;
  std::vector<Step> packs_of_lanes;  ///< copies that every lane makes for itself
  std::vector<Packing> packings;     ///< copies for all lanes

 private:
  /// A copy that lanes make for themselves costs each the work of all, but no cache line of it has to come from another core.
  static constexpr std::int64_t kMostPackedOwn = 1024 * 1024;

  std::vector<PlannedStep>& program() { return node().phase() == ir::Phase::forward ? forward : backward; }
  PlannedStep& add(std::vector<PlannedStep>& program, std::vector<Use> uses, Run run);
  std::vector<Use> whole_operands(std::vector<Use> extra);

  StorageMap& storages_;
  std::int64_t capacity_;
  int lanes_;
  std::string label_;
};

}  // namespace n2d2::plan
