// Blocks of a convolution's weights with output channels as neighbours, whatever their order in memory: what packs them reads these.
#pragma once
#include "n2d2/backends/cpu/simd/conv.h"
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {

const Simd& table();

/// Weights of some taps, inputs and channels of one panel: used where they lie, or transposed into memory that fits the first-level cache.
class WeightBlock {
 public:
  static constexpr std::int64_t kMostTaps = 36;
  /// Inputs of a block of so many taps.
  static std::int64_t inputs(std::int64_t tap_count) {
    const std::int64_t fit = kRows / tap_count;
    return fit < 16 ? fit : 16;
  }

  /// Taps from `tap` on, inputs from `k` on, channels from `m` on.
  void fill(const ConvWeights& weights, std::int64_t tap, std::int64_t tap_count, std::int64_t k, std::int64_t inputs, std::int64_t m,
            std::int64_t channels) {
    const float* const from = weights.first + k * weights.k_step + m * weights.m_step;
    const std::int64_t* const taps = weights.taps + tap;
    if (weights.m_step == 1) {
      for (std::int64_t t = 0; t < tap_count; ++t) taps_[t] = from + taps[t];
      k_step_ = weights.k_step;
      return;
    }
    k_step_ = tap_count * kRow;
    for (std::int64_t t = 0; t < tap_count; ++t) taps_[t] = rows_ + t * kRow;
    const bool ascend = are_neighbours(taps, tap_count, 1), descend = !ascend && are_neighbours(taps, tap_count, -1);
    if (ascend || descend) {
      const bool is_one_run = weights.k_step == tap_count;  // all taps of an input, then those of the next one
      for (std::int64_t i = 0; i < (is_one_run ? 1 : inputs); ++i) {
        const float* run = from + taps[ascend ? 0 : tap_count - 1] + i * weights.k_step;
        transpose(run, weights.m_step, rows_ + i * k_step_, kRow, is_one_run ? inputs * tap_count : tap_count, channels);
      }
      for (std::int64_t t = 0; descend && t < tap_count; ++t) taps_[t] = rows_ + (tap_count - 1 - t) * kRow;
    } else if (weights.k_step == 1) {
      k_step_ = kRow;
      for (std::int64_t t = 0; t < tap_count; ++t) {
        transpose(from + taps[t], weights.m_step, rows_ + t * inputs * kRow, kRow, inputs, channels);
        taps_[t] = rows_ + t * inputs * kRow;
      }
    } else {
      for (std::int64_t j = 0; j < channels; ++j) {
        for (std::int64_t i = 0; i < inputs; ++i) {
          const float* one = from + i * weights.k_step + j * weights.m_step;
          for (std::int64_t t = 0; t < tap_count; ++t) rows_[i * k_step_ + t * kRow + j] = one[taps[t]];
        }
      }
    }
  }
  /// Channels of one tap and input, counted from those of the block.
  const float* channels(std::int64_t tap, std::int64_t input) const { return taps_[tap] + input * k_step_; }

  /// Rows of channels from channels whose inputs are neighbours. Few channels at a time: in memory they often lie a power of two apart, and
  /// displace each other in the cache.
  static void transpose(const float* from, std::int64_t m_step, float* to, std::int64_t to_row, std::int64_t rows, std::int64_t channels) {
    constexpr std::int64_t kChannels = kLanes < 8 ? 8 : kLanes;
    for (std::int64_t j = 0; j < channels; j += kChannels) {
      table().transpose(from + j * m_step, m_step, to + j, to_row, rows, channels - j < kChannels ? channels - j : kChannels);
    }
  }

 private:
  static constexpr std::int64_t kRow = 2 * kLanes;  // floats of the widest panel
  static constexpr std::int64_t kRows = 16 * 9;

  static bool are_neighbours(const std::int64_t* taps, std::int64_t tap_count, std::int64_t distance) {
    for (std::int64_t t = 1; t < tap_count; ++t) {
      if (taps[t] != taps[t - 1] + distance) return false;
    }
    return tap_count > 1;
  }
  const float* taps_[kMostTaps];
  std::int64_t k_step_ = 0;
  alignas(64) float rows_[kRows * kRow];
};

}  // namespace n2d2::cpu::N2D2_ISA
