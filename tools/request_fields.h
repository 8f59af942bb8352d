// Members that the lines of several commands have; each error names the member at fault.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/errors.h"
#include "core/json.h"

namespace longbow::tools {

/// A member that is there and should be a string.
inline const std::string& text_member(const Json& request, std::string_view key) {
  const Json& value = request.at(key);
  if (!value.is_string()) throw UserError(concat(key, ": expected a string, got ", value.type_name()));
  return value.as_string();
}

/// The member "tokens": ids below `vocab_size`.
inline std::vector<std::int32_t> token_ids(const Json& request, std::int64_t vocab_size) {
  const Json& list = request.at("tokens");
  if (!list.is_array()) throw UserError(concat("tokens: expected a list of token ids, got ", list.type_name()));
  std::vector<std::int32_t> tokens;
  for (const Json& token : list.as_array()) {
    if (!token.is_integer() || token.as_integer() < 0 || token.as_integer() >= vocab_size) {
      throw UserError(concat("tokens/", tokens.size(), ": expected a token id in [0, ", vocab_size - 1, "], got ", token.dump()));
    }
    tokens.push_back(static_cast<std::int32_t>(token.as_integer()));
  }
  return tokens;
}

}  // namespace longbow::tools
