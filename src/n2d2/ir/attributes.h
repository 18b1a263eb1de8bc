// Attributes of a node, with ONNX names and kinds.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace n2d2::ir {

using Attribute = std::variant<std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>>;

/// Named attributes; getters throw ValueError when the name is absent or of another kind.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<const std::string, Attribute>> items) : items_(items) {}

  bool has(const std::string& name) const { return items_.contains(name); }
  void set(const std::string& name, Attribute value) { items_[name] = std::move(value); }
  std::int64_t integer(const std::string& name) const;
  /// A float attribute; an integer is accepted.
  double number(const std::string& name) const;
  const std::string& text(const std::string& name) const;
  const std::vector<std::int64_t>& integers(const std::string& name) const;
  const std::vector<double>& numbers(const std::string& name) const;
  const std::map<std::string, Attribute>& items() const { return items_; }
  bool operator==(const Attributes&) const = default;

 private:
  const Attribute& find(const std::string& name) const;
  std::map<std::string, Attribute> items_;
};

std::string to_text(const Attribute& attribute);

}  // namespace n2d2::ir
