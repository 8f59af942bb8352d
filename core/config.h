// Recipes become plain structs through one visitor: the same `visit` reads, validates, prints and describes a Config.
//
//   struct OptimizerConfig {
//     double learning_rate = 1e-6;
//     template <class Visitor> void visit(Visitor& v) {
//       v.field("learning_rate", learning_rate, {.help = "Peak step size of AdamW.", .min = 0, .max = 1});
//     }
//   };
//
// A visitor offers: field(name, T&, FieldInfo) for bool, int, std::int64_t, double, std::string, std::vector of int,
// double or std::string, and Json (any value, kept as it is); choice(name, E&, {{"text", E::value}, …}, FieldInfo) for enums;
// section(name, nested, help) for nested structs and std::vector of structs; optional_section(name, std::optional<nested>&, help).
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "core/json.h"

namespace longbow {

/// What a reader of a recipe needs to know of one key; the range is inclusive and applies to numbers (and to vector elements).
struct FieldInfo {
  std::string_view help;
  std::string_view unit = "";
  double min = -std::numeric_limits<double>::infinity();
  double max = std::numeric_limits<double>::infinity();
  bool required = false;
};

/// The texts of an enum's values, in the order they are listed to people.
template <class E>
using Choices = std::initializer_list<std::pair<std::string_view, E>>;

/// Fills `config` from `recipe`; keys that are absent keep their defaults.
/// Throws UserError for a key that is unknown (with a "did you mean"), mistyped, out of range or missing though required:
/// "/trainer/learning_rate: expected a number in [0, 1], got 3 (SOURCE)".
template <class Config>
void read_config(Config& config, const Json& recipe, std::string_view source);

/// The resolved recipe: every key with its value.
template <class Config>
Json config_to_json(const Config& config);

/// A JSON schema (draft 2020-12): type, default, range, "description" and, as an extension, "unit" of every key.
template <class Config>
Json config_schema();

/// Applies "/a/b=value" to a recipe before it is read: the value is parsed as JSON, else taken as a string; "~1" and "~0" in
/// the path stand for "/" and "~"; absent objects on the way are made; a number indexes an existing array element.
/// Throws UserError for a malformed override; an unknown path is then refused by read_config.
void apply_override(Json& recipe, std::string_view assignment);

namespace internal {

// The non-template half of the visitors, in config.cc.
void read_value(const Json& json, bool& value, const FieldInfo& info, std::string_view where, std::string_view source);
void read_value(const Json& json, int& value, const FieldInfo& info, std::string_view where, std::string_view source);
void read_value(const Json& json, std::int64_t& value, const FieldInfo& info, std::string_view where, std::string_view source);
void read_value(const Json& json, double& value, const FieldInfo& info, std::string_view where, std::string_view source);
void read_value(const Json& json, std::string& value, const FieldInfo& info, std::string_view where, std::string_view source);
void read_value(const Json& json, Json& value, const FieldInfo& info, std::string_view where, std::string_view source);
template <class T>
void read_value(const Json& json, std::vector<T>& values, const FieldInfo& info, std::string_view where, std::string_view source);

[[noreturn]] void wrong_value(std::string_view where, const std::string& expected, const Json& got, std::string_view source);
/// The index of `json`'s text among `names`; throws with "did you mean".
std::size_t read_choice(const Json& json, const std::vector<std::string>& names, std::string_view where, std::string_view source);
/// `parent` + "/" + `key` with the key's "/" and "~" escaped.
std::string join_pointer(std::string_view parent, std::string_view key);

/// The keys a visit met, to refuse the others.
class KeyChecker {
 public:
  /// The member `key` of `object`, or nullptr.
  const Json* find(const Json& object, std::string_view key);
  void refuse_others(const Json& object, std::string_view where, std::string_view source) const;

 private:
  std::vector<std::string> known_;
};

class ConfigReader {
 public:
  ConfigReader(const Json& object, std::string where, std::string_view source);

  template <class T>
  void field(std::string_view name, T& value, const FieldInfo& info = {}) {
    if (const Json* json = find(name, info)) read_value(*json, value, info, join_pointer(where_, name), source_);
  }

  template <class E>
  void choice(std::string_view name, E& value, std::type_identity_t<Choices<E>> choices, const FieldInfo& info = {}) {
    const Json* json = find(name, info);
    if (!json) return;
    std::vector<std::string> names;
    for (const auto& entry : choices) names.emplace_back(entry.first);
    value = (choices.begin() + read_choice(*json, names, join_pointer(where_, name), source_))->second;
  }

  template <class Section>
  void section(std::string_view name, Section& nested, std::string_view = "") {
    const Json* json = keys_.find(object_, name);
    read_section(json ? *json : empty_object(), nested, join_pointer(where_, name));  // absent: its required keys are still asked for
  }

  template <class Section>
  void section(std::string_view name, std::vector<Section>& nested, std::string_view = "") {
    const Json* json = keys_.find(object_, name);
    if (!json) return;
    const std::string where = join_pointer(where_, name);
    if (!json->is_array()) wrong_value(where, "an array of objects", *json, source_);
    nested.assign(json->size(), Section{});
    for (std::size_t i = 0; i < nested.size(); ++i) read_section(json->as_array()[i], nested[i], join_pointer(where, std::to_string(i)));
  }

  template <class Section>
  void optional_section(std::string_view name, std::optional<Section>& nested, std::string_view = "") {
    const Json* json = keys_.find(object_, name);
    if (!json) return;
    if (json->is_null()) {
      nested.reset();
    } else {
      read_section(*json, nested.emplace(), join_pointer(where_, name));
    }
  }

  void finish() const { keys_.refuse_others(object_, where_, source_); }

 private:
  static const Json& empty_object() {
    static const Json empty = Json::object();
    return empty;
  }
  const Json* find(std::string_view name, const FieldInfo& info);

  template <class Section>
  void read_section(const Json& json, Section& nested, std::string where) {
    ConfigReader reader(json, std::move(where), source_);
    nested.visit(reader);
    reader.finish();
  }

  const Json& object_;
  std::string where_;
  std::string_view source_;
  KeyChecker keys_;
};

/// One value of a recipe as JSON.
template <class T>
Json value_to_json(const T& value) {
  return Json(value);
}
template <class T>
Json value_to_json(const std::vector<T>& values) {
  Json array = Json::array();
  for (const T& value : values) array.push_back(Json(value));
  return array;
}

template <class E>
Json choice_to_json(const E& value, Choices<E> choices) {
  for (const auto& [name, choice] : choices) {
    if (choice == value) return Json(name);
  }
  throw InternalError("a recipe's choice holds a value that is not listed");
}

class ConfigWriter {
 public:
  template <class T>
  void field(std::string_view name, T& value, const FieldInfo& = {}) {
    json_[name] = value_to_json(value);
  }
  template <class E>
  void choice(std::string_view name, E& value, std::type_identity_t<Choices<E>> choices, const FieldInfo& = {}) {
    json_[name] = choice_to_json<E>(value, choices);
  }
  template <class Section>
  void section(std::string_view name, Section& nested, std::string_view = "") {
    json_[name] = write(nested);
  }
  template <class Section>
  void section(std::string_view name, std::vector<Section>& nested, std::string_view = "") {
    Json array = Json::array();
    for (Section& element : nested) array.push_back(write(element));
    json_[name] = std::move(array);
  }
  template <class Section>
  void optional_section(std::string_view name, std::optional<Section>& nested, std::string_view = "") {
    json_[name] = nested ? write(*nested) : Json();
  }

  template <class Section>
  static Json write(Section& section) {
    ConfigWriter writer;
    section.visit(writer);
    return std::move(writer.json_);
  }

 private:
  Json json_ = Json::object();
};

template <class T>
constexpr std::string_view schema_type() {
  if constexpr (std::is_same_v<T, bool>)
    return "boolean";
  else if constexpr (std::is_integral_v<T>)
    return "integer";
  else if constexpr (std::is_floating_point_v<T>)
    return "number";
  else if constexpr (std::is_same_v<T, std::string>)
    return "string";
  else
    return "";  // any value
}
Json value_schema(std::string_view type, const FieldInfo& info, bool is_array);

class ConfigSchema {
 public:
  template <class T>
  void field(std::string_view name, T& value, const FieldInfo& info = {}) {
    add(name, value_schema(schema_type<T>(), info, false), value_to_json(value), info.required);
  }
  template <class T>
  void field(std::string_view name, std::vector<T>& values, const FieldInfo& info = {}) {
    add(name, value_schema(schema_type<T>(), info, true), value_to_json(values), info.required);
  }
  template <class E>
  void choice(std::string_view name, E& value, std::type_identity_t<Choices<E>> choices, const FieldInfo& info = {}) {
    Json schema = value_schema("string", info, false);
    for (const auto& entry : choices) schema["enum"].push_back(Json(entry.first));
    add(name, std::move(schema), choice_to_json<E>(value, choices), info.required);
  }
  template <class Section>
  void section(std::string_view name, Section& nested, std::string_view help = "") {
    properties_[name] = describe(nested, help);
  }
  template <class Section>
  void section(std::string_view name, std::vector<Section>& nested, std::string_view help = "") {
    Section element{};
    Json schema = Json::object();
    schema["type"] = "array";
    schema["description"] = help;
    schema["items"] = describe(element, "");
    Json defaults = Json::array();
    for (Section& one : nested) defaults.push_back(ConfigWriter::write(one));
    schema["default"] = std::move(defaults);
    properties_[name] = std::move(schema);
  }
  template <class Section>
  void optional_section(std::string_view name, std::optional<Section>& nested, std::string_view help = "") {
    Section element{};
    Json schema = describe(element, help);
    schema["type"] = Json::Array{"object", "null"};
    schema["default"] = nested ? ConfigWriter::write(*nested) : Json();
    properties_[name] = std::move(schema);
  }

  template <class Section>
  static Json describe(Section& section, std::string_view help) {
    ConfigSchema schema;
    section.visit(schema);
    return schema.take(help);
  }

 private:
  void add(std::string_view name, Json schema, Json default_value, bool required);
  Json take(std::string_view help);

  Json properties_ = Json::object();
  Json required_ = Json::array();
};

template <class T>
void read_value(const Json& json, std::vector<T>& values, const FieldInfo& info, std::string_view where, std::string_view source) {
  if (!json.is_array()) wrong_value(where, "an array", json, source);
  std::vector<T> read;
  for (const Json& element : json.as_array()) {
    T value{};
    read_value(element, value, info, join_pointer(where, std::to_string(read.size())), source);
    read.push_back(std::move(value));
  }
  values = std::move(read);
}

}  // namespace internal

template <class Config>
void read_config(Config& config, const Json& recipe, std::string_view source) {
  internal::ConfigReader reader(recipe, "", source);
  config.visit(reader);
  reader.finish();
}

template <class Config>
Json config_to_json(const Config& config) {
  Config copy = config;  // one `visit` serves readers and writers, so it is not const
  return internal::ConfigWriter::write(copy);
}

template <class Config>
Json config_schema() {
  Config config{};
  Json schema = internal::ConfigSchema::describe(config, "");
  schema["$schema"] = "https://json-schema.org/draft/2020-12/schema";
  return schema;
}

}  // namespace longbow
