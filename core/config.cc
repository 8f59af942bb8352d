#include "core/config.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/did_you_mean.h"

namespace longbow {
namespace internal {
namespace {

// Exact: 1048576 and not 1.04858e+06, 0.05, 1e+12.
std::string bound_text(double bound) {
  constexpr double kReadable = 1e10;
  return std::trunc(bound) == bound && std::abs(bound) < kReadable ? std::to_string(static_cast<std::int64_t>(bound)) : Json(bound).dump();
}

// "an integer in [1, 64] tokens", "a number >= 0", "a bool".
std::string expectation(std::string_view kind, const FieldInfo& info) {
  std::string text(kind);
  const bool has_min = std::isfinite(info.min), has_max = std::isfinite(info.max);
  if (has_min && has_max) {
    text += concat(" in [", bound_text(info.min), ", ", bound_text(info.max), "]");
  } else if (has_min) {
    text += concat(" >= ", bound_text(info.min));
  } else if (has_max) {
    text += concat(" <= ", bound_text(info.max));
  }
  if (!info.unit.empty()) text += concat(" ", info.unit);
  return text;
}

// What was got, short enough for one line.
std::string describe(const Json& got) {
  if (got.is_array() || got.is_object()) return concat("an ", got.type_name());
  constexpr std::size_t kLongest = 80;
  const std::string text = got.dump();
  return text.size() <= kLongest ? text : concat("a ", got.type_name(), " of ", text.size(), " bytes");
}

void read_integer(const Json& json, std::int64_t& value, double low, double high, const FieldInfo& info, std::string_view where,
                  std::string_view source) {
  // 1e3 and 4.0 are integers to a person, though JSON calls them numbers.
  const bool whole =
      json.is_number() && !json.is_integer() && std::trunc(json.as_number()) == json.as_number() && std::abs(json.as_number()) < 0x1p53;
  if (!json.is_integer() && !whole) wrong_value(where, expectation("an integer", info), json, source);
  const std::int64_t read = json.is_integer() ? json.as_integer() : static_cast<std::int64_t>(json.as_number());
  if (static_cast<double>(read) < std::max(info.min, low) || static_cast<double>(read) > std::min(info.max, high)) {
    FieldInfo bounds = info;
    if (!(static_cast<double>(read) < info.min || static_cast<double>(read) > info.max)) bounds.min = low, bounds.max = high;
    wrong_value(where, expectation("an integer", bounds), json, source);
  }
  value = read;
}

std::string unescape(std::string_view token) {
  std::string key;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const bool escaped = token[i] == '~' && i + 1 < token.size() && (token[i + 1] == '0' || token[i + 1] == '1');
    key += escaped ? (token[++i] == '0' ? '~' : '/') : token[i];
  }
  return key;
}

}  // namespace

void wrong_value(std::string_view where, const std::string& expected, const Json& got, std::string_view source) {
  throw UserError(concat(where.empty() ? "recipe" : where, ": expected ", expected, ", got ", describe(got), " (", source, ")"));
}

void read_value(const Json& json, bool& value, const FieldInfo& info, std::string_view where, std::string_view source) {
  if (!json.is_bool()) wrong_value(where, expectation("true or false", info), json, source);
  value = json.as_bool();
}

void read_value(const Json& json, int& value, const FieldInfo& info, std::string_view where, std::string_view source) {
  std::int64_t read = 0;
  read_integer(json, read, std::numeric_limits<int>::min(), std::numeric_limits<int>::max(), info, where, source);
  value = static_cast<int>(read);
}

void read_value(const Json& json, std::int64_t& value, const FieldInfo& info, std::string_view where, std::string_view source) {
  const double unbounded = std::numeric_limits<double>::infinity();
  read_integer(json, value, -unbounded, unbounded, info, where, source);
}

void read_value(const Json& json, double& value, const FieldInfo& info, std::string_view where, std::string_view source) {
  if (!json.is_number() || json.as_number() < info.min || json.as_number() > info.max) {
    wrong_value(where, expectation("a number", info), json, source);
  }
  value = json.as_number();
}

void read_value(const Json& json, std::string& value, const FieldInfo& info, std::string_view where, std::string_view source) {
  if (!json.is_string()) wrong_value(where, expectation("a string", info), json, source);
  value = json.as_string();
}

void read_value(const Json& json, Json& value, const FieldInfo&, std::string_view, std::string_view) { value = json; }

std::size_t read_choice(const Json& json, const std::vector<std::string>& names, std::string_view where, std::string_view source) {
  std::string expected = "one of";
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (json.is_string() && json.as_string() == names[i]) return i;
    expected += (i ? ", \"" : " \"") + names[i] + "\"";
  }
  const std::string suggestion = json.is_string() ? did_you_mean(json.as_string(), names) : "";
  throw UserError(concat(where, ": expected ", expected, ", got ", describe(json), suggestion, " (", source, ")"));
}

std::string join_pointer(std::string_view parent, std::string_view key) {
  std::string pointer(parent);
  pointer += '/';
  for (const char c : key) pointer += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return pointer;
}

const Json* KeyChecker::find(const Json& object, std::string_view key) {
  known_.emplace_back(key);
  return object.find(key);
}

void KeyChecker::refuse_others(const Json& object, std::string_view where, std::string_view source) const {
  for (const auto& member : object.as_object()) {
    bool known = false;
    for (const std::string& key : known_) known = known || key == member.first;
    if (!known)
      throw UserError(concat(join_pointer(where, member.first), ": unknown key", did_you_mean(member.first, known_), " (", source, ")"));
  }
}

ConfigReader::ConfigReader(const Json& object, std::string where, std::string_view source)
    : object_(object), where_(std::move(where)), source_(source) {
  if (!object.is_object()) wrong_value(where_, "an object", object, source);
}

const Json* ConfigReader::find(std::string_view name, const FieldInfo& info) {
  const Json* json = keys_.find(object_, name);
  if (!json && info.required) {
    std::vector<std::string> given;
    for (const auto& member : object_.as_object()) given.push_back(member.first);
    const std::optional<std::string> mistyped = closest_match(name, given);
    throw UserError(concat(join_pointer(where_, name), ": expected this required key, got ", mistyped ? Json(*mistyped).dump() : "none",
                           " (", source_, ")"),
                    info.help.empty() ? "" : concat(name, ": ", info.help));
  }
  return json;
}

Json value_schema(std::string_view type, const FieldInfo& info, bool is_array) {
  Json value = Json::object();
  if (!type.empty()) value["type"] = type;
  if (std::isfinite(info.min)) value["minimum"] = info.min;
  if (std::isfinite(info.max)) value["maximum"] = info.max;
  Json schema = Json::object();
  if (is_array) {
    schema["type"] = "array";
    schema["items"] = std::move(value);
  } else {
    schema = std::move(value);
  }
  if (!info.unit.empty()) schema["unit"] = info.unit;
  schema["description"] = info.help;
  return schema;
}

void ConfigSchema::add(std::string_view name, Json schema, Json default_value, bool required) {
  if (required) {
    required_.push_back(Json(name));
  } else {
    schema["default"] = std::move(default_value);
  }
  properties_[name] = std::move(schema);
}

Json ConfigSchema::take(std::string_view help) {
  Json schema = Json::object();
  schema["type"] = "object";
  if (!help.empty()) schema["description"] = help;
  schema["additionalProperties"] = false;
  schema["properties"] = std::move(properties_);
  if (required_.size()) schema["required"] = std::move(required_);
  return schema;
}

}  // namespace internal

void apply_override(Json& recipe, std::string_view assignment) {
  const auto refuse = [&](const std::string& expected, const std::string& got) -> UserError {
    return UserError(concat("--set: expected ", expected, ", got ", got, " (", assignment, ")"));
  };
  const std::size_t equals = assignment.find('=');
  if (assignment.empty() || assignment[0] != '/' || equals == std::string_view::npos || equals < 2) {
    throw refuse("/path=value", concat("\"", assignment, "\""));
  }
  const std::string_view path = assignment.substr(0, equals);
  const std::string_view text = assignment.substr(equals + 1);

  Json* at = &recipe;
  for (std::size_t begin = 1; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string key = internal::unescape(path.substr(begin, end - begin));
    if (at->is_array()) {
      std::size_t index = 0;
      const auto parsed = std::from_chars(key.data(), key.data() + key.size(), index);
      if (parsed.ec != std::errc() || parsed.ptr != key.data() + key.size() || index >= at->size()) {
        throw refuse(concat("an index below ", at->size(), " after ", path.substr(0, begin - 1)), concat("\"", key, "\""));
      }
      at = &at->as_array()[index];
    } else if (at->is_object() || at->is_null()) {
      at = &(*at)[key];
    } else {
      throw refuse(concat("an object at ", path.substr(0, begin - 1)), concat("a ", at->type_name()));
    }
    begin = end + 1;
  }
  // What opens like JSON must be JSON; anything else that is none is a bare string, so that /name=quickstart needs no quotes.
  if (!text.empty() && (text[0] == '{' || text[0] == '[' || text[0] == '"')) {
    *at = parse_json(text, "--set " + std::string(path));
    return;
  }
  try {
    *at = parse_json(text, "--set");
  } catch (const UserError&) {
    *at = Json(text);
  }
}

}  // namespace longbow
