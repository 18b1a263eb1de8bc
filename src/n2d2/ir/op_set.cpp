#include <fmt/core.h>

#include "n2d2/core/error.h"
#include "n2d2/ir/op_def.h"

namespace n2d2::ir {

OpSet::OpSet(const std::vector<OpDef>& ops) {
  for (const OpDef& op : ops) {
    if (!ops_.emplace(op.name, op).second) throw Error(fmt::format("operator '{}' is listed twice", op.name));
  }
}

const OpDef& OpSet::find(const std::string& name) const {
  const auto found = ops_.find(name);
  if (found == ops_.end()) throw UnsupportedError(fmt::format("there is no operator '{}'", name));
  return found->second;
}

std::vector<const OpDef*> OpSet::all() const {
  std::vector<const OpDef*> out;
  for (const auto& [name, op] : ops_) out.push_back(&op);
  return out;
}

}  // namespace n2d2::ir
