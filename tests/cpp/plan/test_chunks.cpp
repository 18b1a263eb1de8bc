#include "n2d2/plan/chunks.h"

#include <deque>

#include <doctest/doctest.h>

using namespace n2d2;
using namespace n2d2::plan;

namespace {

PlannedStep step(std::vector<Operand> operands, int segment, bool chunked) {
  PlannedStep made;
  for (const Operand& operand : operands) made.uses.push_back(reads(operand, Access::rows));
  made.segment = segment;
  made.chunked = chunked;
  return made;
}

}  // namespace

TEST_CASE("neighbours that keep to rows form a loop; its chunk keeps what it touches in the cache") {
  std::deque<Storage> storages(3);
  for (Storage& storage : storages) storage.batched = true;
  storages[0].bytes_per_row = 100 * 1024;
  storages[1].bytes_per_row = 100 * 1024;
  storages[2].bytes_per_row = 600 * 1024;
  const Operand a(&storages[0]), b(&storages[1]), large(&storages[2]);
  std::vector<PlannedStep> steps = {step({a, b}, 0, true), step({b}, 0, true),     step({a}, 0, false),
                                    step({a}, 1, true),    step({large}, 2, true), step({a, b}, 3, true)};
  assign_chunks(steps, 8, 512 * 1024);
  std::vector<int> loops;
  std::vector<std::int64_t> rows;
  for (const PlannedStep& made : steps) loops.push_back(made.loop), rows.push_back(made.chunk_rows);
  CHECK(loops == std::vector<int>{0, 0, 1, 2, 3, 4});
  CHECK(rows == std::vector<std::int64_t>{2, 2, 0, 4, 1, 2});
  assign_chunks(steps, 2, 512 * 1024);
  CHECK(steps[0].chunk_rows == 0);  // two rows are all that a lane gets
  CHECK(steps[4].chunk_rows == 1);
}
