#include "n2d2/plan/memory/memory_planner.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "n2d2/plan/memory/aligned_buffer.h"

using namespace n2d2::plan;

namespace {

Storage& add(std::deque<Storage>& storages, std::int64_t bytes_per_row) {
  Storage& storage = storages.emplace_back();
  storage.batched = true;
  storage.bytes_per_row = bytes_per_row;
  return storage;
}

PlannedStep step(std::vector<Use> uses, int segment = 0) {
  PlannedStep made;
  made.uses = std::move(uses);
  made.segment = segment;
  return made;
}

}  // namespace

TEST_CASE("values whose lives do not meet share bytes, others never do") {
  std::deque<Storage> storages;
  Operand a(&add(storages, 64)), b(&add(storages, 64)), c(&add(storages, 64)), d(&add(storages, 64));
  const std::vector<PlannedStep> forward = {step({writes(a, Access::rows)}), step({reads(a, Access::rows), writes(b, Access::rows)}),
                                            step({reads(b, Access::rows), writes(c, Access::rows)}),
                                            step({reads(c, Access::rows), writes(d, Access::rows)})};
  const RegionSizes sizes = plan_memory({storages, forward, {}, 4, 2});
  CHECK(sizes.local == 2 * 2 * 64);  // two values at a time, two rows a lane
  CHECK(sizes.shared == 0);
  for (std::size_t i = 0; i + 1 < storages.size(); ++i) CHECK(storages[i].offset != storages[i + 1].offset);
}

TEST_CASE("what backward reads is saved, by lane when every lane keeps to its rows") {
  std::deque<Storage> storages;
  Operand mine(&add(storages, 8)), all(&add(storages, 8));
  const std::vector<PlannedStep> forward = {step({writes(mine, Access::rows), writes(all, Access::rows)})};
  const std::vector<PlannedStep> backward = {step({reads(mine, Access::rows), reads(all, Access::all)})};
  const RegionSizes sizes = plan_memory({storages, forward, backward, 16, 2});
  CHECK(mine.storage()->region == kSavedLocal);
  CHECK(all.storage()->region == kSavedShared);
  CHECK(sizes.saved_local == 64);
  CHECK(sizes.saved_shared == 128);
}

TEST_CASE("shared bytes are used again only behind a barrier") {
  std::deque<Storage> storages;
  Operand a(&add(storages, 64)), b(&add(storages, 64)), c(&add(storages, 64));
  const std::vector<PlannedStep> forward = {step({writes(a, Access::all)}, 0), step({reads(a, Access::all), writes(b, Access::all)}, 0),
                                            step({reads(b, Access::all), writes(c, Access::all)}, 1)};
  const RegionSizes sizes = plan_memory({storages, forward, {}, 1, 1});
  CHECK(a.storage()->offset != b.storage()->offset);
  CHECK(sizes.shared == 2 * 64);
  CHECK(c.storage()->offset == a.storage()->offset);
}

TEST_CASE("partial sums have a copy per lane and are shared once somebody reads them all") {
  std::deque<Storage> storages;
  Storage& partial = storages.emplace_back();
  partial.bytes = 128;
  partial.per_lane = true;
  const Operand sum(&partial);
  const std::vector<PlannedStep> forward = {step({writes(sum, Access::own)}, 0), step({reads(sum, Access::all)}, 1)};
  const RegionSizes sizes = plan_memory({storages, forward, {}, 1, 3});
  CHECK(partial.region == kShared);
  CHECK(sizes.shared == 3 * 128);
}

TEST_CASE("in a loop over chunks what is made takes the rows of what was read for the last time") {
  std::deque<Storage> storages;
  Operand a(&add(storages, 64)), b(&add(storages, 64)), c(&add(storages, 64)), larger(&add(storages, 128));
  const auto in_loop = [](PlannedStep made, int loop) {
    made.chunked = true;
    made.loop = loop;
    made.chunk_rows = 2;
    return made;
  };
  // a goes through loops 0 and 1; b is made in loop 1 behind the last read of a, c in loop 2 behind that of b, but in the same step.
  const std::vector<PlannedStep> forward = {in_loop(step({writes(a, Access::rows)}), 0), in_loop(step({reads(a, Access::rows)}, 1), 1),
                                            in_loop(step({writes(b, Access::rows), writes(larger, Access::rows)}, 1), 1),
                                            in_loop(step({reads(b, Access::rows), writes(c, Access::rows)}, 2), 2),
                                            in_loop(step({reads(c, Access::rows), reads(larger, Access::rows)}, 3), 3)};
  const RegionSizes sizes = plan_memory({storages, forward, {}, 8, 1});
  CHECK(b.storage()->offset == a.storage()->offset);
  CHECK(c.storage()->offset != b.storage()->offset);
  CHECK(sizes.local == 8 * (64 + 64 + 128));
}

TEST_CASE("in a loop over chunks what lives inside it has the rows of one chunk, what goes on is alive all the time") {
  std::deque<Storage> storages;
  Operand inside(&add(storages, 64)), outside(&add(storages, 64)), later(&add(storages, 64));
  Storage& sums = storages.emplace_back();
  sums.per_lane = sums.kept = true;
  sums.bytes = 256;
  std::vector<PlannedStep> steps = {step({writes(inside, Access::rows)}),
                                    step({reads(inside, Access::rows), writes(outside, Access::rows), writes(Operand(&sums), Access::own)}),
                                    step({reads(outside, Access::rows), writes(later, Access::all)}, 1)};
  steps[0].chunk_rows = steps[1].chunk_rows = 4;
  steps[2].loop = 1;
  const RegionSizes sizes = plan_memory({storages, steps, {}, 32, 2});
  CHECK(inside.storage()->chunked);
  CHECK_FALSE(outside.storage()->chunked);
  CHECK(sizes.local == 4 * 64 + 16 * 64 + 256);  // nothing shares: the loop comes back to all of them
  const Lane chunk{.row0 = 24, .rows = 4, .lane_row0 = 16};
  std::vector<char*> bases(2, nullptr);
  Lane lane = chunk;
  lane.bases = bases.data();
  CHECK(inside.rows(lane) - inside.all(lane) == 0);
  CHECK(outside.rows(lane) - outside.all(lane) == 8 * 16);
}

TEST_CASE("buffers are zero and begin at a cache line, large ones at a huge page") {
  constexpr std::size_t kHugePage = std::size_t{2} << 20;
  CHECK(AlignedBuffer(0).data() == nullptr);
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, kHugePage - 1, kHugePage, 2 * kHugePage + 100}) {
    const AlignedBuffer buffer(bytes);
    CHECK(buffer.bytes() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(buffer.data()) % (bytes < kHugePage ? 64 : kHugePage) == 0);
    CHECK(std::all_of(buffer.data(), buffer.data() + bytes, [](char byte) { return byte == 0; }));
  }
}
