// JSON as a plain value, and a strict reader: comments only where asked for, duplicate keys and trailing text refused,
// depth and size bounded, errors with source, line and column. RapidJSON's SAX reader does the lexing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace longbow {

/// A JSON value that owns what it holds. Objects keep the order of their keys. Integers that fit int64 stay exact.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::vector<std::pair<std::string, Json>>;

  Json() = default;  // null
  Json(std::nullptr_t) {}
  Json(bool value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(unsigned value) : value_(std::int64_t{value}) {}
  Json(std::int64_t value) : value_(value) {}
  Json(std::uint64_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value) : value_(value) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  static Json array() { return Json(Array{}); }
  static Json object() { return Json(Object{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_integer() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_integer() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }
  /// "null", "bool", "integer", "number", "string", "array" or "object", for messages.
  const char* type_name() const;

  // Access; each throws UserError "expected a string, got an array" when the type is another.
  bool as_bool() const;
  std::int64_t as_integer() const;
  double as_number() const;  // accepts integers
  const std::string& as_string() const;
  const Array& as_array() const;
  const Object& as_object() const;
  Array& as_array();
  Object& as_object();

  /// The member `key` of an object; nullptr when absent (or when this is no object).
  const Json* find(std::string_view key) const;
  Json* find(std::string_view key);
  /// The member `key`; throws UserError naming it when absent.
  const Json& at(std::string_view key) const;
  /// The member `key`, added as null when absent; turns a null value into an object first.
  Json& operator[](std::string_view key);
  /// Appends; turns a null value into an array first.
  void push_back(Json element);
  std::size_t size() const;  // of an array or object; 0 otherwise

  bool operator==(const Json& other) const { return value_ == other.value_; }

  /// One line when `indent` < 0. Doubles round-trip (1.0 stays 1.0); NaN and infinities are written as null; UTF-8 is kept,
  /// not escaped, and bytes that are no UTF-8 become U+FFFD, so that the result is always JSON.
  std::string dump(int indent = -1) const;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonOptions {
  bool allow_comments = false;
  int max_depth = 200;
};

/// Parses exactly one value, of at most 4 Mi values in all. Throws UserError "SOURCE:LINE:COLUMN: …".
Json parse_json(std::string_view text, std::string_view source, JsonOptions options = {});

/// Reads a file of at most 256 MiB and parses it; throws UserError with the path when it cannot be read.
Json read_json_file(const std::string& path, JsonOptions options = {});

}  // namespace longbow
