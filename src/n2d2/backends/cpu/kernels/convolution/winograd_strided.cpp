#include "n2d2/backends/cpu/kernels/convolution/winograd_strided.h"

#include <algorithm>

namespace n2d2::cpu {

StridedAxis::StridedAxis(const Convolution& conv, int axis)
    : inputs(conv.input[axis]), outputs(conv.output[axis]), reversed(conv.pads_begin[axis] % 2 == 0), output(conv.pads_begin[axis] / 2) {}

StridedTiles::StridedTiles(const Convolution& conv)
    : axes{StridedAxis(conv, 0), StridedAxis(conv, 1)}, channels{conv.channels[0], conv.channels[1]} {}

StridedLines<const float> StridedTiles::gradients(const float* dy, std::int64_t row) const {
  return lines(dy, 5, 1, axes[0].gradient(row), axes[1].gradient(0), {axes[0].outputs, axes[1].outputs}, channels[1]);
}

std::string refuses_strided_tiles(const Convolution& conv) {
  constexpr std::int64_t kChannels = 16, kTiles = 4;
  constexpr std::int64_t kMostWeights = 64 * 64;  // beyond, 65 places of them leave the caches
  if (conv.group != 1) return "several groups";
  for (const int axis : {0, 1}) {
    if (conv.kernel[axis] != 3 || conv.strides[axis] != 2 || conv.dilations[axis] != 0) return "not 3x3 at stride 2";
    const StridedAxis along(conv, axis);
    const bool meets_all = conv.pads_begin[axis] >= 0 && along.output + along.ones() <= along.outputs;
    if (!meets_all) return "inputs that no window reaches";
  }
  if (std::min(conv.channels[0], conv.channels[1]) < kChannels) return "too few channels";
  if (conv.channels[0] * conv.channels[1] > kMostWeights) return "too many weights";
  const StridedTiles tiles(conv);
  const std::int64_t pairs = tiles.axes[0].pairs() * tiles.axes[1].pairs();
  const std::int64_t products = WinogradStridedBodies::kSum * tiles.count() + pairs, direct = 9 * pairs;
  return tiles.count() >= kTiles && 4 * products <= 3 * direct ? "" : "too few tiles";
}

}  // namespace n2d2::cpu
