// Random numbers of every instruction set: the sequence that core/philox.h defines, from any place on.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/philox.h"

namespace n2d2::cpu {
namespace {

constexpr RandomSequence kSequence{{7, 0x80000001U}, 42, 20000};

std::uint8_t is_kept(std::uint64_t number) {
  const std::uint64_t block = number / 8;
  const auto words = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), kSequence.node, 0},
                            {kSequence.key[0], kSequence.key[1]});
  const std::uint32_t bits = words[number % 8 / 2] >> (16 * (number % 2)) & 0xffffU;
  return bits >= kSequence.threshold ? 1 : 0;
}

}  // namespace

TEST_CASE("what a dropout keeps follows Philox, whatever the instruction set and wherever a lane begins") {
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    const Simd* table = simd_of(isa);
    if (table == nullptr) continue;
    CAPTURE(std::string(isa));
    for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{64}, (std::uint64_t{1} << 35) - 20}) {
      for (const std::int64_t count : {1, 7, 64, 203}) {
        std::vector<std::uint8_t> kept(static_cast<std::size_t>(count) + 1, 9), expected;
        table->random_kept(kSequence, first, count, kept.data());
        for (std::int64_t i = 0; i < count; ++i) expected.push_back(is_kept(first + static_cast<std::uint64_t>(i)));
        expected.push_back(9);  // nothing behind the end is written
        CHECK(kept == expected);
      }
    }
  }
}

TEST_CASE("normal numbers are the same from any place on, with mean and deviation as asked") {
  std::vector<float> all(20001), part(1003);
  simd().random_normal(kSequence, 0, 20001, 2.0F, 3.0F, all.data());
  simd().random_normal(kSequence, 997, 1003, 2.0F, 3.0F, part.data());
  CHECK(std::equal(part.begin(), part.end(), all.begin() + 997));
  double sum = 0, squares = 0;
  for (const float number : all) sum += static_cast<double>(number), squares += static_cast<double>(number) * static_cast<double>(number);
  const double mean = sum / 20001, variance = squares / 20001 - mean * mean;
  CHECK(std::abs(mean - 2.0) < 0.1);       // 4.7 standard errors
  CHECK(std::abs(variance - 9.0) < 0.45);  // 5 standard errors
}

}  // namespace n2d2::cpu
