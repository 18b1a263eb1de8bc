#include "n2d2/plan/barriers.h"

#include <doctest/doctest.h>

#include <initializer_list>

using namespace n2d2::plan;

namespace {

PlannedStep step(std::initializer_list<Use> uses, bool single = false, const n2d2::ir::Node* node = nullptr) {
  PlannedStep made;
  made.uses = uses;
  made.single = single;
  made.node = node;
  return made;
}

std::vector<int> segments_of(std::vector<PlannedStep> steps) {
  assign_segments(steps);
  std::vector<int> segments;
  for (const PlannedStep& made : steps) segments.push_back(made.segment);
  return segments;
}

struct Values {
  Storage a, b, c;
  Operand x{&a}, y{&b}, z{&c};
};

}  // namespace

TEST_CASE("a chain over rows needs no barrier") {
  const Values v;
  CHECK(segments_of({step({reads(v.x, Access::rows), writes(v.y, Access::rows)}),
                     step({reads(v.y, Access::rows), writes(v.z, Access::rows)})}) == std::vector<int>{0, 0});
}

TEST_CASE("reading what other lanes wrote needs one") {
  const Values v;
  CHECK(segments_of({step({writes(v.y, Access::rows)}), step({reads(v.y, Access::all), writes(v.z, Access::rows)})}) ==
        std::vector<int>{0, 1});
  CHECK(segments_of({step({writes(v.y, Access::own)}), step({reads(v.y, Access::all)}, true)}) == std::vector<int>{0, 1});
}

TEST_CASE("writing what other lanes may still read needs one") {
  const Values v;
  CHECK(segments_of({step({reads(v.y, Access::all)}), step({writes(v.y, Access::rows)})}) == std::vector<int>{0, 1});
}

TEST_CASE("slices of features agree inside one node only") {
  const Values v;
  const auto* one = reinterpret_cast<const n2d2::ir::Node*>(&v.a);
  const auto* other = reinterpret_cast<const n2d2::ir::Node*>(&v.b);
  CHECK(segments_of({step({writes(v.y, Access::features)}, false, one), step({reads(v.y, Access::features)}, false, one)}) ==
        std::vector<int>{0, 0});
  CHECK(segments_of({step({writes(v.y, Access::features)}, false, one), step({reads(v.y, Access::features)}, false, other)}) ==
        std::vector<int>{0, 1});
}

TEST_CASE("reading together needs none, and a barrier forgets what came before") {
  const Values v;
  CHECK(segments_of({step({reads(v.x, Access::all), writes(v.y, Access::rows)}), step({reads(v.x, Access::rows)}),
                     step({reads(v.y, Access::all)}), step({reads(v.y, Access::rows)})}) == std::vector<int>{0, 0, 1, 1});
}
