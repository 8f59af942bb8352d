// Typed, bounded access to the keys of a config.json, with errors that carry the key's JSON pointer and the file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace longbow::model {

class ConfigReader {
 public:
  /// `json` outlives the reader. Throws UserError unless it is an object.
  ConfigReader(const Json& json, std::string source, std::string pointer = "");
  /// The object at `key`.
  ConfigReader nested(std::string_view key) const;

  const Json* find(std::string_view key) const { return json_.find(key); }

  // Each throws UserError when the value has another type or is out of [min, max], or is absent without a default.
  std::int64_t integer(std::string_view key, std::int64_t min, std::int64_t max, std::optional<std::int64_t> default_value = {}) const;
  double number(std::string_view key, double min, double max, double default_value) const;
  bool boolean(std::string_view key, bool default_value) const;
  const std::string& text(std::string_view key) const;
  /// An id, a list of ids or null (none). Absent: the family's default where the vocabulary holds it.
  std::vector<int> token_ids(std::string_view key, int vocab_size, std::optional<int> default_id) const;

  /// Throws UserError when `key` is present, not null and not equal to the only value that is supported.
  void require_absent_or(std::string_view key, const Json& only) const;

  [[noreturn]] void fail(std::string_view key, std::string_view expected, std::string_view got) const;

 private:
  const Json& json_;
  std::string source_;
  std::string pointer_;
};

/// The double whose shortest decimal form is that of the float: 1e-6f gives 1e-6, not 9.99999997e-07.
double shortest_double(float value);

}  // namespace longbow::model
