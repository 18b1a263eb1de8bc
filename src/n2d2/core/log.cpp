#include "n2d2/core/log.h"

#include <cstdio>
#include <cstdlib>

namespace n2d2 {

bool is_logged(std::string_view topic) {
  const char* variable = std::getenv("N2D2_LOG");
  std::string_view topics = variable == nullptr ? "" : variable;
  while (!topics.empty()) {
    const std::size_t comma = topics.find(',');
    if (topics.substr(0, comma) == topic) return true;
    topics = comma == std::string_view::npos ? "" : topics.substr(comma + 1);
  }
  return false;
}

void log(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace n2d2
