// Batch normalisation: sums over places and maps of places, per channel.
#include "n2d2/backends/cpu/simd/normalize.h"

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/backends/cpu/simd/vec.h"
#include "n2d2/backends/cpu/simd/vec_double.h"

namespace n2d2::cpu::N2D2_ISA {
namespace {

constexpr int kMost = kLanes == 16 ? 4 : 2;  // vectors of channels whose factors and sums fit into the registers
constexpr std::int64_t kChunk = 32;          // places that are summed in float: of equal terms more lose digits, all to one side
constexpr std::int64_t kAhead = 16;          // places whose lines are asked for before they are read, see fetch()

std::int64_t width(std::int64_t channels) {
  if (channels >= kLanes) return channels;
  std::int64_t floats = channels;
  while (floats % kLanes != 0) floats += channels;
  return floats;
}

/// `n` floats at p; a whole vector unless the last place is cut short.
template <bool whole>
static inline Vec read(const float* p, int n) {
  return whole ? load(p) : load_part(p, n);
}

/// Asks for what vector j will read some places later. Many channels are read in columns of a line or two, with other lines of the
/// place between them, and most of these arrays come from beyond the second-level cache.
/// Inlined always: without it GCC 12 left no prefetch in the AVX2 object.
template <class Body>
[[gnu::always_inline]] static inline void fetch(const NormalizeTask& t, std::int64_t i, int j) {
  if (j % (16 / kLanes) != 0) return;  // once a line
  __builtin_prefetch(t.x + i + kAhead * t.width);
  if (Body::kReadsGradient) __builtin_prefetch(t.dy + i + kAhead * t.width);
}

struct Moments {
  static constexpr bool kReadsGradient = false;
  Vec mean;
  template <bool whole>
  void take(const NormalizeTask& t, std::int64_t c, int n) {
    mean = read<whole>(t.mean + c, n);
  }
  template <bool whole>
  void add(const NormalizeTask& t, std::int64_t i, int n, Vec& first, Vec& second) const {
    const Vec d = read<whole>(t.x + i, n) - mean;
    first += d;
    second = fma(d, d, second);
  }
};

template <bool relu, bool adds>
struct Apply {
  static constexpr bool kReadsGradient = false;
  Vec mean, scale, shift;
  template <bool whole>
  void take(const NormalizeTask& t, std::int64_t c, int n) {
    mean = read<whole>(t.mean + c, n);
    scale = read<whole>(t.scale + c, n);
    shift = read<whole>(t.shift + c, n);
  }
  template <bool whole>
  Vec at(const NormalizeTask& t, std::int64_t i, int n) const {
    Vec y = fma(read<whole>(t.x + i, n) - mean, scale, shift);
    if (adds) y += read<whole>(t.added + i, n);
    return relu ? (y <= Vec{} ? Vec{} : y) : y;  // NaN stays
  }
};

/// x - mean, and the gradient behind Relu: y is computed again, in the same way.
template <bool relu>
struct Incoming {
  static constexpr bool kReadsGradient = true;
  Vec mean, scale, shift;
  template <bool whole>
  void take(const NormalizeTask& t, std::int64_t c, int n) {
    mean = read<whole>(t.mean + c, n);
    if (relu) scale = read<whole>(t.scale + c, n);
    if (relu) shift = read<whole>(t.shift + c, n);
  }
  template <bool whole>
  Vec at(const NormalizeTask& t, std::int64_t i, int n, Vec& d) const {
    d = read<whole>(t.x + i, n) - mean;
    const Vec g = read<whole>(t.dy + i, n);
    return relu ? (fma(d, scale, shift) <= Vec{} ? Vec{} : g) : g;
  }
};

template <bool relu>
struct GradientSums : Incoming<relu> {
  template <bool whole>
  void add(const NormalizeTask& t, std::int64_t i, int n, Vec& first, Vec& second) const {
    Vec d;
    const Vec g = this->template at<whole>(t, i, n, d);
    first += g;
    second = fma(g, d, second);
  }
};

template <bool relu>
struct Gradient {
  static constexpr bool kReadsGradient = true;
  Incoming<relu> incoming;
  Vec scale, slope, constant;
  template <bool whole>
  void take(const NormalizeTask& t, std::int64_t c, int n) {
    incoming.template take<whole>(t, c, n);
    scale = read<whole>(t.scale + c, n);
    slope = read<whole>(t.slope + c, n);
    constant = read<whole>(t.constant + c, n);
  }
  template <bool whole>
  Vec at(const NormalizeTask& t, std::int64_t i, int n) const {
    Vec d;
    const Vec g = incoming.template at<whole>(t, i, n, d);
    return fma(g, scale, fma(d, slope, constant));
  }
};

/// Adds lanes `begin` to `end` of v to the doubles at `to`.
static inline void flush(Vec v, int begin, int end, double* to) {
  if (begin == 0 && end == kLanes) {
    const Doubles wide = widen(v);
    add_to(to, wide.low);
    add_to(to + kLanes / 2, wide.high);
    return;
  }
  float lanes[kLanes];
  store(lanes, v);
  for (int i = begin; i < end; ++i) to[i] += static_cast<double>(lanes[i]);
}

/// Sums over `places` from float `first` on, of kVecs vectors of channels from c on; the last one begins at `last`, so it may repeat
/// channels of the one before, which do not count again.
template <class Term, int kVecs>
struct Sum {
  static void run(const NormalizeTask& t, std::int64_t first, std::int64_t places, std::int64_t c, std::int64_t last) {
    constexpr int kChains = kVecs == kMost ? 2 : 4;  // additions need not wait for each other
    Term term[kVecs];
    Vec sums[kChains][kVecs][2] = {};
    const auto channel = [&](int j) { return j + 1 < kVecs ? c + j * kLanes : last; };
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) term[j].template take<true>(t, channel(j), kLanes);
    const auto add = [&](std::int64_t place, int chain) {
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) {
        const std::int64_t i = first + place * t.width + channel(j);
        fetch<Term>(t, i, j);
        term[j].template add<true>(t, i, kLanes, sums[chain][j][0], sums[chain][j][1]);
      }
    };
    std::int64_t place = 0;
    for (; place + kChains <= places; place += kChains) {
#pragma GCC unroll 4
      for (int chain = 0; chain < kChains; ++chain) add(place + chain, chain);
    }
    for (; place < places; ++place) add(place, 0);
    for (int j = 0; j < kVecs; ++j) {
      const int repeated = static_cast<int>(c + j * kLanes - channel(j));
      for (int which = 0; which < 2; ++which) {
        Vec total = sums[0][j][which] + sums[1][j][which];
        if (kChains == 4) total += sums[kChains - 2][j][which] + sums[kChains - 1][j][which];
        flush(total, repeated, kLanes, t.sums + which * t.width + channel(j));
      }
    }
  }
  static void rest(const NormalizeTask& t, std::int64_t i, std::int64_t c, int n) {
    Term term;
    Vec first{}, second{};
    term.template take<false>(t, c, n);
    term.template add<false>(t, i, n, first, second);
    flush(first, 0, n, t.sums + c);
    flush(second, 0, n, t.sums + t.width + c);
  }
};

template <class Function, int kVecs>
struct Map {
  static void run(const NormalizeTask& t, std::int64_t first, std::int64_t places, std::int64_t c, std::int64_t last) {
    Function function[kVecs];
    const auto channel = [&](int j) { return j + 1 < kVecs ? c + j * kLanes : last; };
#pragma GCC unroll 4
    for (int j = 0; j < kVecs; ++j) function[j].template take<true>(t, channel(j), kLanes);
    for (std::int64_t place = 0; place < places; ++place) {
#pragma GCC unroll 4
      for (int j = 0; j < kVecs; ++j) {
        const std::int64_t i = first + place * t.width + channel(j);
        fetch<Function>(t, i, j);
        store(t.to + i, function[j].template at<true>(t, i, kLanes));
      }
    }
  }
  static void rest(const NormalizeTask& t, std::int64_t i, std::int64_t c, int n) {
    Function function;
    function.template take<false>(t, c, n);
    store_part(t.to + i, n, function.template at<false>(t, i, n));
  }
};

/// Whole places chunk by chunk, and the floats of the last one that is cut short.
template <template <class, int> class Loop, class Body>
void run(const NormalizeTask& t) {
  using Block = void (*)(const NormalizeTask&, std::int64_t, std::int64_t, std::int64_t, std::int64_t);
  constexpr Block kBlocks[4] = {Loop<Body, 1>::run, Loop<Body, 2>::run, Loop < Body, kMost == 4 ? 3 : 2 > ::run, Loop<Body, kMost>::run};
  const std::int64_t places = t.floats / t.width;
  for (std::int64_t place = 0; place < places; place += kChunk) {
    const std::int64_t here = places - place < kChunk ? places - place : kChunk;
    for (std::int64_t c = 0; c < t.width; c += kMost * kLanes) {
      const std::int64_t floats = t.width - c < kMost * kLanes ? t.width - c : kMost * kLanes;
      kBlocks[(floats - 1) / kLanes](t, place * t.width, here, c, c + floats - kLanes);
    }
  }
  for (std::int64_t c = 0, rest = t.floats - places * t.width; c < rest; c += kLanes) {
    Loop<Body, 1>::rest(t, places * t.width + c, c, static_cast<int>(rest - c < kLanes ? rest - c : kLanes));
  }
}

void moments(const NormalizeTask& t) { run<Sum, Moments>(t); }
void apply(const NormalizeTask& t) {
  if (t.added != nullptr) {
    t.relu ? run<Map, Apply<true, true>>(t) : run<Map, Apply<false, true>>(t);
  } else {
    t.relu ? run<Map, Apply<true, false>>(t) : run<Map, Apply<false, false>>(t);
  }
}
void gradient_sums(const NormalizeTask& t) { t.relu ? run<Sum, GradientSums<true>>(t) : run<Sum, GradientSums<false>>(t); }
void gradient(const NormalizeTask& t) { t.relu ? run<Map, Gradient<true>>(t) : run<Map, Gradient<false>>(t); }

}  // namespace

void add_normalize(Simd& table);
void add_normalize(Simd& table) { table.normalize = {width, moments, apply, gradient_sums, gradient}; }

}  // namespace n2d2::cpu::N2D2_ISA
