#include "model/config_reader.h"

#include <charconv>
#include <utility>

#include "core/errors.h"

namespace longbow::model {

ConfigReader::ConfigReader(const Json& json, std::string source, std::string pointer)
    : json_(json), source_(std::move(source)), pointer_(std::move(pointer)) {
  if (!json_.is_object()) {
    throw UserError(
        concat("model config: expected an object at '", pointer_, "', got a value of type ", json_.type_name(), " (", source_, ")"));
  }
}

ConfigReader ConfigReader::nested(std::string_view key) const { return {json_.at(key), source_, concat(pointer_, "/", key)}; }

void ConfigReader::fail(std::string_view key, std::string_view expected, std::string_view got) const {
  throw UserError(concat("model config ", pointer_, "/", key, ": expected ", expected, ", got ", got, " (", source_, ")"));
}

std::int64_t ConfigReader::integer(std::string_view key, std::int64_t min, std::int64_t max,
                                   std::optional<std::int64_t> default_value) const {
  const Json* value = find(key);
  if (!value && default_value) return *default_value;
  const std::string expected = concat("an integer in [", min, ", ", max, "]");
  if (!value) fail(key, expected, "nothing");
  if (!value->is_integer() || value->as_integer() < min || value->as_integer() > max) fail(key, expected, value->dump());
  return value->as_integer();
}

double ConfigReader::number(std::string_view key, double min, double max, double default_value) const {
  const Json* value = find(key);
  if (!value || value->is_null()) return default_value;
  const bool valid = value->is_number() && value->as_number() >= min && value->as_number() <= max;
  if (!valid) fail(key, concat("a number in [", min, ", ", max, "]"), value->dump());
  return value->as_number();
}

bool ConfigReader::boolean(std::string_view key, bool default_value) const {
  const Json* value = find(key);
  if (!value || value->is_null()) return default_value;
  if (!value->is_bool()) fail(key, "true or false", value->dump());
  return value->as_bool();
}

const std::string& ConfigReader::text(std::string_view key) const {
  const Json* value = find(key);
  if (!value) fail(key, "a string", "nothing");
  if (!value->is_string()) fail(key, "a string", value->dump());
  return value->as_string();
}

std::vector<int> ConfigReader::token_ids(std::string_view key, int vocab_size, std::optional<int> default_id) const {
  const Json* value = find(key);
  if (!value) {
    if (default_id && *default_id < vocab_size) return {*default_id};
    return {};
  }
  if (value->is_null()) return {};
  const Json::Array one{*value};
  std::vector<int> ids;
  for (const Json& id : value->is_array() ? value->as_array() : one) {
    const bool valid = id.is_integer() && id.as_integer() >= 0 && id.as_integer() < vocab_size;
    if (!valid) fail(key, concat("a token id below vocab_size = ", vocab_size), id.dump());
    ids.push_back(static_cast<int>(id.as_integer()));
  }
  return ids;
}

void ConfigReader::require_absent_or(std::string_view key, const Json& only) const {
  const Json* value = find(key);
  if (!value || value->is_null() || *value == only) return;
  if (only.is_number() && value->is_number() && value->as_number() == only.as_number()) return;
  fail(key, concat(only.dump(), " (nothing else is supported)"), value->dump());
}

double shortest_double(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double result = 0;
  std::from_chars(text, end, result);
  return result;
}

}  // namespace longbow::model
