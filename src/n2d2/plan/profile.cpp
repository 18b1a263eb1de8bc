#include "n2d2/plan/profile.h"

#include <fmt/format.h>

#include <algorithm>

namespace n2d2::plan {

void set_profiling(const Program& program, int lanes, bool on) {
  std::size_t steps = 0;
  for (const auto& segment : program.segments) steps += segment.size();
  program.nanoseconds.assign(on ? static_cast<std::size_t>(lanes) : 0, std::vector<std::int64_t>(steps, 0));
}

std::string profile_text(const Program& program, std::int64_t runs, std::int64_t rows) {
  if (program.nanoseconds.empty() || runs == 0) return {};
  const auto of_all = [&](std::size_t step) {
    double ns = 0;
    for (const auto& lane : program.nanoseconds) ns += static_cast<double>(lane[step]);
    return ns;
  };
  double total = 0;
  for (std::size_t step = 0; step < program.nanoseconds.front().size(); ++step) total += of_all(step);
  std::string text;
  std::size_t index = 0;
  for (const auto& segment : program.segments) {
    for (const Step& step : segment) {
      double slowest = 0;
      for (const auto& lane : program.nanoseconds) slowest = std::max(slowest, static_cast<double>(lane[index]));
      const double ns = of_all(index);
      text += fmt::format("  {:9.2f} us {:9.2f} us {:5.1f} %", slowest / 1e3 / static_cast<double>(runs),
                          ns / 1e3 / static_cast<double>(runs), total > 0 ? 100 * ns / total : 0.0);
      const auto per_ns = [&](double per_row) { return ns > 0 ? per_row * static_cast<double>(rows) / ns : 0.0; };
      text += step.flops_per_row > 0 ? fmt::format(" {:7.1f} GFLOP/s", per_ns(step.flops_per_row)) : fmt::format("{:16}", "");
      text += fmt::format(" {:7.1f} GB/s  {}\n", per_ns(step.bytes_per_row), step.label);
      ++index;
    }
  }
  return text;
}

}  // namespace n2d2::plan
