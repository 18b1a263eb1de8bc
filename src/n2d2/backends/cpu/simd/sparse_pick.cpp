// Weight gradients of few channels behind a max-pool: output channels are vectors, and each lane picks the inputs of its own place.
#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"

namespace n2d2::cpu::N2D2_ISA {
#if defined(__AVX512F__)
namespace {

/// 16 or 32 floats in registers. kRows: 0, as many as `pick` says.
template <bool kLarge, int kRows>
struct Patch {
  Vec low, high;

  [[gnu::always_inline]] static inline Patch load(const SparsePick& pick, const float* from) {
    Vec low{}, high{};
    const int rows = kRows == 0 ? pick.rows : kRows;
    const std::uint32_t row_mask = (pick.width == 32 ? 0U : 1U << pick.width) - 1U;
    const std::int64_t step = pick.image_row - pick.width;
#pragma GCC unroll 4
    for (int row = 0; row < rows; ++row, from += step) {
      const std::uint32_t mask = row_mask << (row * pick.width);
      low = _mm512_mask_loadu_ps(low, static_cast<__mmask16>(mask), from);
      if (kLarge) high = _mm512_mask_loadu_ps(high, static_cast<__mmask16>(mask >> 16), from + 16);
    }
    return {low, high};
  }
  [[gnu::always_inline]] inline Vec pick(VecInt at) const {
    const auto index = reinterpret_cast<__m512i>(at);
    return kLarge ? _mm512_permutex2var_ps(low, index, high) : _mm512_maskz_permutexvar_ps(static_cast<__mmask16>(0xffff), index, low);
  }
};

static inline VecInt look_up(const std::int32_t* table, VecInt at) {
  return reinterpret_cast<VecInt>(
      _mm512_maskz_permutexvar_epi32(static_cast<__mmask16>(0xffff), reinterpret_cast<__m512i>(at), _mm512_loadu_si512(table)));
}

/// Some channels: kVecs vectors from `first` on, of which the last has `rest`.
template <int kVecs>
struct Channels {
  std::int64_t first;
  int rest;

  [[gnu::always_inline]] inline int part(int v) const { return v + 1 < kVecs ? kLanes : rest; }
  [[gnu::always_inline]] inline Vec get(const float* from, int v) const {
    const float* at = from + first + v * kLanes;
    return part(v) == kLanes ? load(at) : load_part(at, part(v));
  }
  [[gnu::always_inline]] inline void put(float* to, int v, Vec value) const {
    float* at = to + first + v * kLanes;
    part(v) == kLanes ? store(at, value) : store_part(at, part(v), value);
  }
};

/// Taps [tap, tap + kTaps) of some channels.
template <bool kLarge, int kRows, int kTaps, int kVecs>
void pick_taps(const SparsePick& pick, int tap, Channels<kVecs> channels) {
  const Vec zero{};
  Vec sums[kVecs][kTaps], totals[kVecs] = {};
  const std::int32_t* taps = pick.taps + tap;
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) sums[v][t] = channels.get(pick.sums + (tap + t) * pick.channels, v);
  }
  const float *dy = pick.dy, *y = pick.y;
  const std::uint8_t* argmax = pick.argmax;
  for (std::int64_t window = 0; window < pick.window_count; ++window, dy += pick.channels, argmax += pick.channels) {
    if constexpr (kLarge) asm("" : "+r"(taps));  // broadcast from memory: registers for them would displace sums
    const auto patch = Patch<kLarge, kRows>::load(pick, pick.image + pick.windows[window]);
#pragma GCC unroll 2
    for (int v = 0; v < kVecs; ++v) {
      Vec gradient = channels.get(dy, v);
      if (y != nullptr) gradient = channels.get(y, v) <= zero ? zero : gradient;
      totals[v] += gradient;
      const VecInt begin = look_up(pick.places, load_bytes(argmax + channels.first + v * kLanes, channels.part(v)));
#pragma GCC unroll 9
      for (int t = 0; t < kTaps; ++t) sums[v][t] = fma(gradient, patch.pick(begin + (VecInt{} + taps[t])), sums[v][t]);
    }
    if (y != nullptr) y += pick.channels;
  }
#pragma GCC unroll 2
  for (int v = 0; v < kVecs; ++v) {
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) channels.put(pick.sums + (tap + t) * pick.channels, v, sums[v][t]);
    if (tap == 0 && pick.gradients != nullptr) channels.put(pick.gradients, v, channels.get(pick.gradients, v) + totals[v]);
  }
}

template <int kVecs>
using Body = void (*)(const SparsePick&, int, Channels<kVecs>);
template <bool kLarge, int kRows, int kVecs>
void each_tap(const SparsePick& pick, Channels<kVecs> channels) {
  static constexpr Body<kVecs> kBodies[9] = {
      pick_taps<kLarge, kRows, 1, kVecs>, pick_taps<kLarge, kRows, 2, kVecs>, pick_taps<kLarge, kRows, 3, kVecs>,
      pick_taps<kLarge, kRows, 4, kVecs>, pick_taps<kLarge, kRows, 5, kVecs>, pick_taps<kLarge, kRows, 6, kVecs>,
      pick_taps<kLarge, kRows, 7, kVecs>, pick_taps<kLarge, kRows, 8, kVecs>, pick_taps<kLarge, kRows, 9, kVecs>};
  for (int tap = 0; tap < pick.tap_count; tap += 9) kBodies[(pick.tap_count - tap < 9 ? pick.tap_count - tap : 9) - 1](pick, tap, channels);
}

template <bool kLarge, int kRows>
void each_channel(const SparsePick& pick) {
  for (std::int64_t c = 0; c < pick.channels; c += 2 * kLanes) {
    const int left = pick.channels - c < 2 * kLanes ? static_cast<int>(pick.channels - c) : 2 * kLanes;
    if (left > kLanes) {
      each_tap<kLarge, kRows>(pick, Channels<2>{c, left - kLanes});
    } else {
      each_tap<kLarge, kRows>(pick, Channels<1>{c, left});
    }
  }
}

void sparse_pick(const SparsePick& pick) {
  if (pick.rows * pick.width > 16) return each_channel<true, 0>(pick);
  pick.rows == 4 ? each_channel<false, 4>(pick) : each_channel<false, 0>(pick);
}

}  // namespace

void add_sparse_pick(Simd& table);
void add_sparse_pick(Simd& table) { table.sparse_pick = sparse_pick; }
#elif defined(__AVX2__)
namespace {

constexpr int kBlock = 32;  // windows whose patches are copied before any is used
constexpr int kStep = SparsePick::kFloats + kLanes;

/// Vectors of a patch that hold all a window's places of a tap: each serves as many taps as it can.
struct Slots {
  int count = 0;
  std::int32_t begin[SparsePick::kTaps];   ///< first float of each
  std::int32_t of_tap[SparsePick::kTaps];  ///< first float of a tap's slot, where slots follow each other
  VecInt distance[SparsePick::kTaps];      ///< from the slot's first float to that of the tap

  explicit Slots(const SparsePick& pick) {
    int reach = 1;  // floats from the first place to the last
    for (const std::int32_t place : pick.places) reach = place >= reach ? place + 1 : reach;
    for (int t = 0; t < pick.tap_count; ++t) {
      const bool fits = count > 0 && pick.taps[t] >= begin[count - 1] && pick.taps[t] + reach <= begin[count - 1] + kLanes;
      if (!fits) begin[count++] = pick.taps[t];
      of_tap[t] = (count - 1) * kLanes;
      distance[t] = VecInt{} + (pick.taps[t] - begin[count - 1]);
    }
  }
};

/// The patches of windows [first, end), rows joined.
void join(const SparsePick& pick, std::int64_t first, std::int64_t end, float* to) {
  for (std::int64_t window = first; window < end; ++window, to += kStep) {
    const float* from = pick.image + pick.windows[window];
    float* at = to;
    for (int row = 0; row < pick.rows; ++row, from += pick.image_row, at += pick.width) {
      if (pick.width == 4) {
        _mm_storeu_ps(at, _mm_loadu_ps(from));
        continue;
      }
      for (int i = 0; i < pick.width; i += kLanes) store(at + i, load_part(from + i, pick.width - i < kLanes ? pick.width - i : kLanes));
    }
  }
}

/// Channels of a vector, and windows whose slots lie ready.
struct Part {
  std::int64_t channel;
  int count;  ///< of channels
  std::int64_t first, end;
  const float* slots;  ///< aligned: vectors that cross a line are slow to permute
};

/// Taps [tap, tap + kTaps) of a part.
template <int kTaps>
void pick_taps(const SparsePick& pick, const Slots& slots, int tap, const Part& part) {
  const bool is_whole = part.count == kLanes;
  const auto get = [&](const float* from) { return is_whole ? load(from) : load_part(from, part.count); };
  const auto put = [&](float* to, Vec value) { is_whole ? store(to, value) : store_part(to, part.count, value); };
  const auto places = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(pick.places));
  float* to = pick.sums + tap * pick.channels + part.channel;
  Vec sums[kTaps], total{};
#pragma GCC unroll 9
  for (int t = 0; t < kTaps; ++t) sums[t] = get(to + t * pick.channels);
  const VecInt* distance = slots.distance + tap;
  const float* patch = part.slots;
  std::int64_t at = part.first * pick.channels + part.channel;
  for (std::int64_t window = part.first; window < part.end; ++window, at += pick.channels, patch += slots.count * kLanes) {
    asm("" : "+r"(distance));  // from memory: registers for them would displace sums
    Vec gradient = get(pick.dy + at);
    if (pick.y != nullptr) gradient = get(pick.y + at) <= Vec{} ? Vec{} : gradient;
    total += gradient;
    const auto place = reinterpret_cast<__m256i>(load_bytes(pick.argmax + at, part.count));
    const auto begin = reinterpret_cast<VecInt>(_mm256_permutevar8x32_epi32(places, place));
#pragma GCC unroll 9
    for (int t = 0; t < kTaps; ++t) {
      Vec slot = load(patch + slots.of_tap[tap + t]);
      asm("" : "+x"(slot));  // permutations that read memory take twice the time
      const auto index = reinterpret_cast<__m256i>(begin + distance[t]);
      sums[t] = fma(gradient, _mm256_permutevar8x32_ps(slot, index), sums[t]);
    }
  }
#pragma GCC unroll 9
  for (int t = 0; t < kTaps; ++t) put(to + t * pick.channels, sums[t]);
  if (tap == 0 && pick.gradients != nullptr) put(pick.gradients + part.channel, get(pick.gradients + part.channel) + total);
}

void sparse_pick(const SparsePick& pick) {
  static constexpr void (*kBodies[9])(const SparsePick&, const Slots&, int, const Part&) = {
      pick_taps<1>, pick_taps<2>, pick_taps<3>, pick_taps<4>, pick_taps<5>, pick_taps<6>, pick_taps<7>, pick_taps<8>, pick_taps<9>};
  const Slots slots(pick);
  float joined[kBlock * kStep] = {};
  alignas(32) float copies[kBlock * SparsePick::kTaps * kLanes];
  for (std::int64_t first = 0; first < pick.window_count; first += kBlock) {
    const std::int64_t end = first + kBlock < pick.window_count ? first + kBlock : pick.window_count;
    join(pick, first, end, joined);
    float* to = copies;
    for (std::int64_t i = 0; i < end - first; ++i) {
      for (int slot = 0; slot < slots.count; ++slot, to += kLanes) store(to, load(joined + i * kStep + slots.begin[slot]));
    }
    for (std::int64_t c = 0; c < pick.channels; c += kLanes) {
      const Part part{c, pick.channels - c < kLanes ? static_cast<int>(pick.channels - c) : kLanes, first, end, copies};
      for (int tap = 0; tap < pick.tap_count; tap += 9) {
        kBodies[(pick.tap_count - tap < 9 ? pick.tap_count - tap : 9) - 1](pick, slots, tap, part);
      }
    }
  }
}

}  // namespace

void add_sparse_pick(Simd& table);
void add_sparse_pick(Simd& table) { table.sparse_pick = sparse_pick; }
#else
// Without permutations of whole vectors lists are faster.
void add_sparse_pick(Simd& table);
void add_sparse_pick(Simd&) {}
#endif

}  // namespace n2d2::cpu::N2D2_ISA
