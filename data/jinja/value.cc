#include "data/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/errors.h"
#include "data/jinja/text.h"

namespace longbow::data::jinja {
namespace {

constexpr int kMaxDepth = 1000;  // as Python's own limit: 8 MiB of stack hold 8 KiB of each

constexpr std::size_t kMaxElements = std::size_t{1} << 20;  // of a list; each step may double what it has

int one_deeper_than(const Value& value) {
  if (value.depth() >= kMaxDepth) throw Failure(concat("expected lists and mappings at most ", kMaxDepth, " deep, got a deeper one"));
  return value.depth() + 1;
}

}  // namespace

void check_text_size(std::size_t bytes) {
  if (bytes > kMaxTextBytes) throw Failure(concat("expected at most ", kMaxTextBytes, " bytes of text, got more"));
}

const Value* Map::find(std::string_view key) const {
  for (const auto& [name, value] : members) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Map::set(std::string_view key, Value value) {
  depth = std::max(depth, one_deeper_than(value));
  for (auto& [name, old] : members) {
    if (name == key) {
      old = std::move(value);
      return;
    }
  }
  members.emplace_back(std::string(key), std::move(value));
}

Value::Value(List value) {
  if (value.items.size() > kMaxElements) throw Failure(concat("expected at most ", kMaxElements, " elements, got ", value.items.size()));
  for (const Value& item : value.items) value.depth = std::max(value.depth, one_deeper_than(item));
  value_ = std::make_shared<const List>(std::move(value));
}

Value::Value(Map value) {
  for (const auto& [key, member] : value.members) value.depth = std::max(value.depth, one_deeper_than(member));
  value_ = std::make_shared<Map>(std::move(value));
}

int Value::depth() const {
  if (const List* list = as_list()) return list->depth;
  const Map* map = as_map();
  return map != nullptr ? map->depth : 0;
}

const List* Value::as_list() const {
  const auto* list = get<std::shared_ptr<const List>>();
  return list != nullptr ? list->get() : nullptr;
}
Map* Value::as_map() const {
  const auto* map = get<std::shared_ptr<Map>>();
  return map != nullptr ? map->get() : nullptr;
}
const Callable* Value::as_callable() const {
  const auto* callable = get<std::shared_ptr<const Callable>>();
  return callable != nullptr ? callable->get() : nullptr;
}

bool Value::to_integer(std::int64_t& out) const {
  if (const auto* flag = get<bool>()) {
    out = *flag ? 1 : 0;
    return true;
  }
  if (const auto* number = get<std::int64_t>()) {
    out = *number;
    return true;
  }
  return false;
}

double Value::to_double() const {
  if (const auto* number = get<double>()) return *number;
  std::int64_t integer = 0;
  to_integer(integer);
  return static_cast<double>(integer);
}

Value Value::from_json(const Json& json) {
  if (json.is_null()) return None{};
  if (json.is_bool()) return json.as_bool();
  if (json.is_integer()) return json.as_integer();
  if (json.is_number()) return json.as_number();
  if (json.is_string()) return json.as_string();
  if (json.is_array()) {
    List list;
    for (const Json& item : json.as_array()) list.items.push_back(from_json(item));
    return list;
  }
  Map map;
  for (const auto& [key, value] : json.as_object()) map.members.emplace_back(key, from_json(value));
  return map;
}

const Value* Arguments::find(std::size_t index, std::string_view name) const {
  if (index < positional.size()) return &positional[index];
  for (const auto& [key, value] : keywords) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::string Arguments::text(std::size_t index, std::string_view name, std::string_view otherwise) const {
  const Value* value = find(index, name);
  if (value == nullptr) return std::string(otherwise);
  if (const auto* text = value->get<std::string>()) return *text;
  throw Failure(concat(name, ": expected a string, got ", type_name(*value)));
}

std::int64_t Arguments::integer(std::size_t index, std::string_view name, std::int64_t otherwise) const {
  const Value* value = find(index, name);
  std::int64_t number = otherwise;
  if (value != nullptr && !value->to_integer(number)) throw Failure(concat(name, ": expected an integer, got ", type_name(*value)));
  return number;
}

bool Arguments::truth(std::size_t index, std::string_view name, bool otherwise) const {
  const Value* value = find(index, name);
  return value != nullptr ? jinja::truth(*value) : otherwise;
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is_none()) return "none";
  if (value.get<bool>() != nullptr) return "a boolean";
  if (value.get<std::int64_t>() != nullptr) return "an integer";
  if (value.get<double>() != nullptr) return "a float";
  if (value.is_string()) return "a string";
  if (const List* list = value.as_list()) {
    return list->kind == ListKind::list ? "a list" : list->kind == ListKind::tuple ? "a tuple" : "a generator";
  }
  if (value.as_map() != nullptr) return "a mapping";
  return value.as_callable() != nullptr ? "a function" : "a loop";
}

bool truth(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_number()) return value.to_double() != 0;
  if (const auto* text = value.get<std::string>()) return !text->empty();
  if (const List* list = value.as_list()) return list->kind == ListKind::generator || !list->items.empty();
  if (const Map* map = value.as_map()) return map->is_namespace || !map->members.empty();
  return true;
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    std::int64_t x = 0, y = 0;
    return a.to_integer(x) && b.to_integer(y) ? x == y : a.to_double() == b.to_double();
  }
  if (a.variant().index() != b.variant().index()) return false;
  if (a.is_undefined() || a.is_none()) return true;
  if (const auto* text = a.get<std::string>()) return *text == *b.get<std::string>();
  if (const List* left = a.as_list()) {
    const List* right = b.as_list();
    return left->kind == right->kind && std::equal(left->items.begin(), left->items.end(), right->items.begin(), right->items.end(), equal);
  }
  if (const Map* left = a.as_map()) {
    const Map* right = b.as_map();
    if (left == right) return true;
    if (left->is_namespace || right->is_namespace || left->members.size() != right->members.size()) return false;
    return std::all_of(left->members.begin(), left->members.end(), [&](const auto& member) {
      const Value* other = right->find(member.first);
      return other != nullptr && equal(member.second, *other);
    });
  }
  return a.as_callable() == b.as_callable();
}

bool less(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    std::int64_t x = 0, y = 0;
    return a.to_integer(x) && b.to_integer(y) ? x < y : a.to_double() < b.to_double();
  }
  if (a.is_string() && b.is_string()) return *a.get<std::string>() < *b.get<std::string>();  // UTF-8 keeps the order of code points
  const List *left = a.as_list(), *right = b.as_list();
  if (left == nullptr || right == nullptr || left->kind != right->kind || left->kind == ListKind::generator) {
    throw Failure(concat("cannot order ", type_name(a), " and ", type_name(b)));
  }
  for (std::size_t i = 0; i < left->items.size() && i < right->items.size(); ++i) {
    if (!equal(left->items[i], right->items[i])) return less(left->items[i], right->items[i]);
  }
  return left->items.size() < right->items.size();
}

bool contains(const Value& container, const Value& needle) {
  if (container.is_undefined()) return false;
  if (const auto* text = container.get<std::string>()) {
    const auto* part = needle.get<std::string>();
    if (part == nullptr) throw Failure(concat("'in' a string: expected a string, got ", type_name(needle)));
    return text->find(*part) != std::string::npos;
  }
  if (const List* list = container.as_list()) {
    return std::any_of(list->items.begin(), list->items.end(), [&](const Value& item) { return equal(item, needle); });
  }
  if (const Map* map = container.as_map(); map != nullptr && !map->is_namespace) {
    const auto* key = needle.get<std::string>();
    return key != nullptr && map->find(*key) != nullptr;
  }
  throw Failure(concat("'in': expected a string, list or mapping, got ", type_name(container)));
}

std::string number_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  const std::string_view shortest(buffer, static_cast<std::size_t>(end - buffer));
  const int exponent = std::stoi(std::string(shortest.substr(shortest.find('e') + 1)));
  if (exponent < -4 || exponent >= 16) return std::string(shortest);
  const auto fixed_end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr;
  std::string text(buffer, fixed_end);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

std::shared_ptr<const List> iterate(const Value& value) {
  if (const auto* list = value.get<std::shared_ptr<const List>>()) return *list;
  List items;
  if (const auto* text = value.get<std::string>()) {
    for (std::string& character : characters(*text)) items.items.emplace_back(std::move(character));
  } else if (const Map* map = value.as_map(); map != nullptr && !map->is_namespace) {
    for (const auto& member : map->members) items.items.emplace_back(member.first);
  } else if (!value.is_undefined()) {
    throw Failure(concat("cannot iterate over ", type_name(value)));
  }
  return std::make_shared<const List>(std::move(items));
}

std::int64_t length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const auto* text = value.get<std::string>()) return num_characters(*text);
  if (const List* list = value.as_list(); list != nullptr && list->kind != ListKind::generator) {
    return static_cast<std::int64_t>(list->items.size());
  }
  if (const Map* map = value.as_map(); map != nullptr && !map->is_namespace) return static_cast<std::int64_t>(map->members.size());
  throw Failure(concat("length: expected a string, list or mapping, got ", type_name(value)));
}

Value call(const Value& callee, const Arguments& arguments) {
  if (const Callable* callable = callee.as_callable()) return callable->call(arguments);
  if (const auto* missing = callee.get<Undefined>()) throw Failure(concat(missing->what, " is undefined and cannot be called"));
  throw Failure(concat("expected a function to call, got ", type_name(callee)));
}

}  // namespace longbow::data::jinja
