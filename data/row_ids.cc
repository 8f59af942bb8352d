#include "data/row_ids.h"

#include <utility>

#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr std::size_t kShownBytes = 60;

}  // namespace

std::string RowIds::take(std::string given, const std::string& where) {
  if (given.empty()) {
    given = where.substr(where.rfind('/') + 1);
    if (const auto before = places_.find(given); before != places_.end() && before->second != where) given = where;
  }
  const auto [before, is_new] = places_.emplace(std::move(given), where);
  if (is_new) return before->first;
  const std::string& id = before->first;
  const std::string shown = id.size() <= kShownBytes ? id : id.substr(0, kShownBytes) + "…";
  throw UserError(concat("expected ids that differ, got two items called '", shown, "', the other at ", before->second));
}

}  // namespace longbow::data
