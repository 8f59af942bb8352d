// The values a template computes with, and Python's notions of truth, equality, order and text for them.
// Lists and mappings are shared and never changed once made (only namespaces are), as in transformers' immutable sandbox.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/json.h"

namespace longbow::data::jinja {

/// What went wrong while a template ran. The evaluator adds the line; ChatTemplate makes it a UserError.
class Failure : public std::runtime_error {
 public:
  explicit Failure(const std::string& message, int line = 0) : std::runtime_error(message), line_(line) {}
  int line() const { return line_; }
  void set_line(int line) { line_ = line; }

 private:
  int line_;
};

class Value;
struct Arguments;

/// Of one string, of a value that is printed, and of all that a template writes: each step may double what it has.
inline constexpr std::size_t kMaxTextBytes = std::size_t{64} << 20;
/// Throws Failure beyond it.
void check_text_size(std::size_t bytes);

/// A name, member or element that is not there: prints as nothing, is false, and fails when it is used in any other way.
struct Undefined {
  std::string what;
};
struct None {};
enum class ListKind { list, tuple, generator };
struct List {
  std::vector<Value> items;
  ListKind kind = ListKind::list;
  int depth = 1;  // of lists and mappings in each other, this one included; Value knows
};
struct Map {
  std::vector<std::pair<std::string, Value>> members;
  bool is_namespace = false;
  int depth = 1;

  const Value* find(std::string_view key) const;
  /// Throws Failure for a value that is too deep.
  void set(std::string_view key, Value value);
};
/// A macro, global function or bound method.
struct Callable {
  std::string name;
  std::function<Value(const Arguments&)> call;
};
/// The variable `loop` of one iteration.
struct Loop {
  std::shared_ptr<const List> items;
  std::size_t index0 = 0;
  std::size_t depth0 = 0;
};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, std::int64_t, double, std::string, std::shared_ptr<const List>, std::shared_ptr<Map>,
                               std::shared_ptr<const Callable>, std::shared_ptr<const Loop>>;

  Value() = default;  // undefined
  Value(Undefined value) : value_(std::move(value)) {}
  Value(None) : value_(None{}) {}
  Value(bool value) : value_(value) {}
  Value(int value) : value_(std::int64_t{value}) {}
  Value(std::int64_t value) : value_(value) {}
  Value(double value) : value_(value) {}
  Value(const char* value) : value_(std::string(value)) {}
  Value(std::string_view value) : value_(std::string(value)) {}
  Value(std::string value) : value_(std::move(value)) { check_text_size(std::get<std::string>(value_).size()); }
  /// Throw Failure for lists and mappings in each other deeper than what prints, compares and frees them may recurse.
  Value(List value);
  Value(Map value);
  Value(std::shared_ptr<const List> value) : value_(std::move(value)) {}
  Value(Callable value) : value_(std::make_shared<const Callable>(std::move(value))) {}
  Value(Loop value) : value_(std::make_shared<const Loop>(std::move(value))) {}

  /// A list, tuple or generator of `items`.
  static Value list(std::vector<Value> items, ListKind kind = ListKind::list) { return List{std::move(items), kind}; }
  static Value from_json(const Json& json);

  template <class T>
  const T* get() const {
    return std::get_if<T>(&value_);
  }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_none() const { return get<None>() != nullptr; }
  bool is_string() const { return get<std::string>() != nullptr; }
  bool is_number() const { return get<std::int64_t>() != nullptr || get<double>() != nullptr || get<bool>() != nullptr; }
  /// 0 for what is neither a list nor a mapping.
  int depth() const;
  const List* as_list() const;
  Map* as_map() const;
  const Callable* as_callable() const;
  /// bool and integer as an integer; nullptr-like false otherwise.
  bool to_integer(std::int64_t& out) const;
  double to_double() const;  // of a number
  const Variant& variant() const { return value_; }

 private:
  Variant value_;
};

/// Positional and keyword arguments of a call, filter or test.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;

  /// The argument at `index` or called `name`; nullptr when it was not given.
  const Value* find(std::size_t index, std::string_view name) const;
  std::string text(std::size_t index, std::string_view name, std::string_view otherwise) const;
  std::int64_t integer(std::size_t index, std::string_view name, std::int64_t otherwise) const;
  bool truth(std::size_t index, std::string_view name, bool otherwise) const;
};

/// Python's type name, for messages.
std::string type_name(const Value& value);
bool truth(const Value& value);
bool equal(const Value& a, const Value& b);
/// Python's `<`; throws Failure for values that have no order.
bool less(const Value& a, const Value& b);
/// `needle in container`.
bool contains(const Value& container, const Value& needle);
/// What `{{ value }}` prints: Python's str().
std::string to_text(const Value& value);
/// Python's repr().
std::string repr(const Value& value);
std::string number_text(double value);
/// Elements to iterate over: of a list, the keys of a mapping, the characters of a string. Throws Failure for others.
std::shared_ptr<const List> iterate(const Value& value);
/// The number of elements or characters; throws Failure when the value has none.
std::int64_t length(const Value& value);
Value call(const Value& callee, const Arguments& arguments);

struct JsonTextOptions {
  bool ensure_ascii = false;
  bool sort_keys = false;
  int indent = -1;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
/// As Python's json.dumps; throws Failure for what is no JSON (undefined, generators, functions).
std::string to_json_text(const Value& value, const JsonTextOptions& options);

/// `value.name`: methods first, then members. `value[key]`: elements first, then methods.
Value attribute(const Value& value, const std::string& name);
Value element(const Value& value, const Value& key);
/// `value[start:stop:step]`; undefined or none ends are left out.
Value slice(const Value& value, const Value& start, const Value& stop, const Value& step);

}  // namespace longbow::data::jinja
