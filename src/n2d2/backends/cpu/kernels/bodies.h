// Looks up the vector body of an operator, when a plan is made.
#pragma once
#include <fmt/core.h>

#include <string_view>

#include "n2d2/backends/cpu/simd/simd.h"
#include "n2d2/core/error.h"
#include "n2d2/ir/graph.h"

namespace n2d2::cpu {

/// The row of that operator and variant; throws UnsupportedError when there is none.
template <class Body>
const Body& body_of(const Rows<Body>& rows, std::string_view op, std::string_view variant = "") {
  for (const Body& body : rows) {
    if (body.op == op && body.variant == variant) return body;
  }
  throw UnsupportedError(fmt::format("no vector body {} {}", op, variant));
}

/// What tells the bodies of one operator apart: the text of one of these attributes.
inline std::string_view variant_of(const ir::Node& node) {
  for (const char* name : {"approximate", "ties"}) {
    if (node.attributes().has(name) && node.attributes().text(name) != "none") return node.attributes().text(name);
  }
  return "";
}

}  // namespace n2d2::cpu
