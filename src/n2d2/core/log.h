// What the environment variable N2D2_LOG asks to be told: a list such as "plan,profile".
#pragma once
#include <string_view>

namespace n2d2 {

/// Whether N2D2_LOG names the topic: plan (every plan that is made) or profile (where the time of every network went).
bool is_logged(std::string_view topic);
/// Writes to the standard error.
void log(std::string_view text);

}  // namespace n2d2
