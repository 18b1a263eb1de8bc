#include "n2d2/ir/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "n2d2/core/error.h"

namespace n2d2::ir {
namespace {

template <class T>
const T& get(const Attribute& attribute, const std::string& name, const char* kind) {
  if (const T* value = std::get_if<T>(&attribute)) return *value;
  throw ValueError(fmt::format("attribute '{}' must be {}, it is {}", name, kind, to_text(attribute)));
}

}  // namespace

const Attribute& Attributes::find(const std::string& name) const {
  const auto item = items_.find(name);
  if (item == items_.end()) throw ValueError(fmt::format("attribute '{}' is missing", name));
  return item->second;
}

std::int64_t Attributes::integer(const std::string& name) const { return get<std::int64_t>(find(name), name, "an integer"); }

double Attributes::number(const std::string& name) const {
  const Attribute& attribute = find(name);
  if (const auto* value = std::get_if<std::int64_t>(&attribute)) return static_cast<double>(*value);
  return get<double>(attribute, name, "a number");
}

const std::string& Attributes::text(const std::string& name) const { return get<std::string>(find(name), name, "a text"); }

const std::vector<std::int64_t>& Attributes::integers(const std::string& name) const {
  return get<std::vector<std::int64_t>>(find(name), name, "a list of integers");
}

const std::vector<double>& Attributes::numbers(const std::string& name) const {
  return get<std::vector<double>>(find(name), name, "a list of numbers");
}

std::string to_text(const Attribute& attribute) {
  struct Text {
    std::string operator()(std::int64_t v) const { return fmt::format("{}", v); }
    std::string operator()(double v) const { return fmt::format("{:g}", v); }
    std::string operator()(const std::string& v) const { return fmt::format("\"{}\"", v); }
    std::string operator()(const std::vector<std::int64_t>& v) const { return fmt::format("[{}]", fmt::join(v, ",")); }
    std::string operator()(const std::vector<double>& v) const { return fmt::format("[{:g}]", fmt::join(v, ",")); }
  };
  return std::visit(Text{}, attribute);
}

}  // namespace n2d2::ir
