// What is reached through a value: members, elements, slices, and the methods of strings, mappings, lists and loops.
#include <algorithm>
#include <unordered_map>

#include "core/errors.h"
#include "data/jinja/text.h"
#include "data/jinja/value.h"

namespace longbow::data::jinja {
namespace {

using StringMethod = Value (*)(const std::string&, const Arguments&);

std::vector<Value> values_of(std::vector<std::string> texts) {
  std::vector<Value> values;
  for (std::string& text : texts) values.emplace_back(std::move(text));
  return values;
}

const std::string* optional_text(const Arguments& arguments, std::size_t index, std::string_view name) {
  const Value* value = arguments.find(index, name);
  if (value == nullptr || value->is_none()) return nullptr;
  if (const auto* text = value->get<std::string>()) return text;
  throw Failure(concat("expected a string, got ", type_name(*value)));
}

template <bool left, bool right>
Value strip_method(const std::string& text, const Arguments& arguments) {
  return strip(text, left, right, optional_text(arguments, 0, "chars"));
}

template <bool from_right>
Value split_method(const std::string& text, const Arguments& arguments) {
  const std::string* separator = optional_text(arguments, 0, "sep");
  if (separator != nullptr && separator->empty()) throw Failure("split: expected a separator, got an empty one");
  return Value::list(values_of(split(text, separator, arguments.integer(1, "maxsplit", -1), from_right)));
}

/// startswith and endswith: one text, or a tuple of which one must fit.
template <bool at_start>
Value edge_method(const std::string& text, const Arguments& arguments) {
  if (arguments.positional.size() != 1) throw Failure("startswith and endswith: expected one argument");
  const Value& wanted = arguments.positional[0];
  const auto fits = [&](const Value& candidate) {
    const auto* edge = candidate.get<std::string>();
    if (edge == nullptr) throw Failure(concat("startswith and endswith: expected a string, got ", type_name(candidate)));
    return at_start ? text.starts_with(*edge) : text.ends_with(*edge);
  };
  const List* choices = wanted.as_list();
  return choices != nullptr ? std::any_of(choices->items.begin(), choices->items.end(), fits) : fits(wanted);
}

template <bool from_right>
Value find_method(const std::string& text, const Arguments& arguments) {
  const std::string part = arguments.text(0, "sub", "");
  const std::size_t found = from_right ? text.rfind(part) : text.find(part);
  return found == std::string::npos ? std::int64_t{-1} : num_characters(std::string_view(text).substr(0, found));
}

Value count_method(const std::string& text, const Arguments& arguments) {
  const std::string part = arguments.text(0, "sub", "");
  if (part.empty()) return num_characters(text) + 1;
  std::int64_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

/// "{} and {name}": plain fields only.
Value format_method(const std::string& text, const Arguments& arguments) {
  std::string out;
  std::size_t next = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if ((text[i] == '{' || text[i] == '}') && i + 1 < text.size() && text[i + 1] == text[i]) {
      out += text[i++];
    } else if (text[i] == '{') {
      const std::size_t end = text.find('}', i);
      if (end == std::string::npos) throw Failure("format: expected '}'");
      const std::string field = text.substr(i + 1, end - i - 1);
      if (field.find_first_of(":!.[{") != std::string::npos) throw Failure(concat("format: the field '{", field, "}' is not supported"));
      const bool is_index = field.size() < 10 && field.find_first_not_of("0123456789") == std::string::npos;
      const std::size_t index = !is_index ? static_cast<std::size_t>(-1) : field.empty() ? next++ : std::stoul(field);
      const Value* value = arguments.find(index, field);
      if (value == nullptr) throw Failure(concat("format: no argument for the field '{", field, "}'"));
      out += to_text(*value);
      i = end;
    } else {
      out += text[i];
    }
  }
  return out;
}

Value join_method(const std::string& text, const Arguments& arguments) {
  if (arguments.positional.size() != 1) throw Failure("join: expected one argument");
  std::string out;
  bool first = true;
  const auto items = iterate(arguments.positional[0]);
  for (const Value& item : items->items) {
    const auto* part = item.get<std::string>();
    if (part == nullptr) throw Failure(concat("join: expected strings, got ", type_name(item)));
    if (!first) out += text;
    out += *part;
    first = false;
  }
  return out;
}

/// isdigit and its like: not empty, and every character passes.
template <class Predicate>
bool every(const std::string& text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) { return predicate(static_cast<unsigned char>(c)); });
}

const std::unordered_map<std::string, StringMethod>& string_methods() {
  static const std::unordered_map<std::string, StringMethod> table = {
      {"strip", strip_method<true, true>},
      {"lstrip", strip_method<true, false>},
      {"rstrip", strip_method<false, true>},
      {"split", split_method<false>},
      {"rsplit", split_method<true>},
      {"startswith", edge_method<true>},
      {"endswith", edge_method<false>},
      {"find", find_method<false>},
      {"rfind", find_method<true>},
      {"count", count_method},
      {"format", format_method},
      {"join", join_method},
      {"replace",
       [](const std::string& s, const Arguments& a) {
         if (a.positional.size() < 2) throw Failure("replace: expected two strings");
         return Value(replace(s, a.text(0, "old", ""), a.text(1, "new", ""), a.integer(2, "count", -1)));
       }},
      {"splitlines",
       [](const std::string& s, const Arguments& a) { return Value::list(values_of(split_lines(s, a.truth(0, "keepends", false)))); }},
      {"upper", [](const std::string& s, const Arguments&) { return Value(upper(s)); }},
      {"lower", [](const std::string& s, const Arguments&) { return Value(lower(s)); }},
      {"title", [](const std::string& s, const Arguments&) { return Value(title(s)); }},
      {"capitalize", [](const std::string& s, const Arguments&) { return Value(capitalize(s)); }},
      {"isdigit",
       [](const std::string& s, const Arguments&) { return Value(every(s, [](unsigned char c) { return c >= '0' && c <= '9'; })); }},
      {"isspace", [](const std::string& s, const Arguments&) { return Value(!s.empty() && strip(s, true, false).empty()); }},
      {"removeprefix",
       [](const std::string& s, const Arguments& a) {
         const std::string edge = a.text(0, "prefix", "");
         return Value(s.starts_with(edge) ? s.substr(edge.size()) : s);
       }},
      {"removesuffix",
       [](const std::string& s, const Arguments& a) {
         const std::string edge = a.text(0, "suffix", "");
         return Value(s.ends_with(edge) ? s.substr(0, s.size() - edge.size()) : s);
       }},
  };
  return table;
}

Value map_method(const Value& value, const std::string& name) {
  const auto pairs = [value](int which) {  // 0: keys, 1: values, 2: both
    std::vector<Value> items;
    for (const auto& [key, member] : value.as_map()->members) {
      items.push_back(which == 0 ? Value(key) : which == 1 ? member : Value::list({Value(key), member}, ListKind::tuple));
    }
    return Value::list(std::move(items), ListKind::generator);
  };
  if (name == "keys") return Callable{name, [pairs](const Arguments&) { return pairs(0); }};
  if (name == "values") return Callable{name, [pairs](const Arguments&) { return pairs(1); }};
  if (name == "items") return Callable{name, [pairs](const Arguments&) { return pairs(2); }};
  if (name == "copy") return Callable{name, [value](const Arguments&) { return value; }};
  if (name == "get") {
    return Callable{name, [value](const Arguments& arguments) -> Value {
                      if (arguments.positional.empty()) throw Failure("get: expected a key");
                      const auto* key = arguments.positional[0].get<std::string>();
                      const Value* member = key != nullptr ? value.as_map()->find(*key) : nullptr;
                      if (member != nullptr) return *member;
                      return arguments.positional.size() > 1 ? arguments.positional[1] : Value(None{});
                    }};
  }
  return {};
}

Value list_method(const Value& value, const std::string& name) {
  const auto matches = [value](const Arguments& arguments) {
    if (arguments.positional.size() != 1) throw Failure("count and index: expected one argument");
    std::vector<std::int64_t> places;
    const std::vector<Value>& items = value.as_list()->items;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (equal(items[i], arguments.positional[0])) places.push_back(static_cast<std::int64_t>(i));
    }
    return places;
  };
  if (name == "count") return Callable{name, [matches](const Arguments& a) { return Value(static_cast<std::int64_t>(matches(a).size())); }};
  if (name == "index") {
    return Callable{name, [matches](const Arguments& arguments) -> Value {
                      const auto places = matches(arguments);
                      if (places.empty()) throw Failure("index: the value is not in the list");
                      return places[0];
                    }};
  }
  return {};
}

/// Methods that would change a list or mapping: the sandbox refuses them.
bool changes_its_object(const Value& value, const std::string& name) {
  const auto any = [&](std::initializer_list<const char*> names) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (value.as_list() != nullptr) return any({"append", "extend", "insert", "pop", "remove", "reverse", "sort", "clear"});
  return value.as_map() != nullptr && any({"pop", "popitem", "update", "setdefault", "clear"});
}

Value method(const Value& value, const std::string& name) {
  if (const auto* text = value.get<std::string>()) {
    const auto found = string_methods().find(name);
    if (found == string_methods().end()) return {};
    return Callable{name, [text = *text, function = found->second](const Arguments& arguments) { return function(text, arguments); }};
  }
  if (changes_its_object(value, name)) throw Failure(concat(name, ": lists and mappings of a template cannot be changed"));
  if (const Map* map = value.as_map()) return map->is_namespace ? Value() : map_method(value, name);
  return value.as_list() != nullptr && value.as_list()->kind != ListKind::generator ? list_method(value, name) : Value();
}

Value loop_member(const Loop& loop, const std::string& name) {
  const std::vector<Value>& items = loop.items->items;
  const auto count = static_cast<std::int64_t>(items.size());
  const auto index0 = static_cast<std::int64_t>(loop.index0);
  if (name == "index") return index0 + 1;
  if (name == "index0") return index0;
  if (name == "revindex") return count - index0;
  if (name == "revindex0") return count - index0 - 1;
  if (name == "first") return index0 == 0;
  if (name == "last") return index0 + 1 == count;
  if (name == "length") return count;
  if (name == "depth") return static_cast<std::int64_t>(loop.depth0) + 1;
  if (name == "depth0") return static_cast<std::int64_t>(loop.depth0);
  if (name == "previtem") return index0 > 0 ? items[loop.index0 - 1] : Value(Undefined{"loop.previtem"});
  if (name == "nextitem") return index0 + 1 < count ? items[loop.index0 + 1] : Value(Undefined{"loop.nextitem"});
  if (name == "cycle") {
    return Callable{name, [index0](const Arguments& arguments) -> Value {
                      if (arguments.positional.empty()) throw Failure("loop.cycle: expected values");
                      return arguments.positional[static_cast<std::size_t>(index0) % arguments.positional.size()];
                    }};
  }
  throw Failure(concat("loop.", name, " is not supported"));
}

void refuse_undefined(const Value& value, const std::string& name) {
  if (const auto* missing = value.get<Undefined>()) {
    throw Failure(concat(missing->what.empty() ? "the value" : missing->what, " is undefined and has no member '", name, "'"));
  }
}

/// An integer index into `size` elements, negative ones from the end; -1 when outside.
std::int64_t resolve_index(std::int64_t index, std::int64_t size) {
  if (index < 0) index += size;
  return index >= 0 && index < size ? index : -1;
}

}  // namespace

Value attribute(const Value& value, const std::string& name) {
  refuse_undefined(value, name);
  if (const auto* loop = value.get<std::shared_ptr<const Loop>>()) return loop_member(**loop, name);
  if (Value bound = method(value, name); !bound.is_undefined()) return bound;
  const Map* map = value.as_map();
  const Value* member = map != nullptr ? map->find(name) : nullptr;
  return member != nullptr ? *member : Value(Undefined{concat("'", name, "'")});
}

Value element(const Value& value, const Value& key) {
  refuse_undefined(value, key.is_string() ? *key.get<std::string>() : "[…]");
  std::int64_t index = 0;
  if (const auto* name = key.get<std::string>()) {
    const Map* map = value.as_map();
    const Value* member = map != nullptr ? map->find(*name) : nullptr;
    return member != nullptr ? *member : attribute(value, *name);
  }
  if (!key.to_integer(index)) return Undefined{"the element"};
  const List* list = value.as_list();
  if (list != nullptr && list->kind != ListKind::generator) {
    index = resolve_index(index, static_cast<std::int64_t>(list->items.size()));
    if (index >= 0) return list->items[static_cast<std::size_t>(index)];
  } else if (const auto* text = value.get<std::string>()) {
    const std::vector<std::string> letters = characters(*text);
    index = resolve_index(index, static_cast<std::int64_t>(letters.size()));
    if (index >= 0) return letters[static_cast<std::size_t>(index)];
  }
  return Undefined{"the element"};
}

Value slice(const Value& value, const Value& start, const Value& stop, const Value& step) {
  refuse_undefined(value, "[:]");
  const bool is_list = value.as_list() != nullptr && value.as_list()->kind != ListKind::generator;
  if (!is_list && !value.is_string()) throw Failure(concat("cannot take a slice of ", type_name(value)));
  const std::vector<Value> items = is_list ? value.as_list()->items : values_of(characters(*value.get<std::string>()));
  const auto size = static_cast<std::int64_t>(items.size());
  const auto bound = [&](const Value& given, std::int64_t otherwise, std::int64_t low, std::int64_t high) {
    std::int64_t index = 0;
    if (given.is_undefined() || given.is_none()) return otherwise;
    if (!given.to_integer(index)) throw Failure(concat("a slice's bounds: expected integers, got ", type_name(given)));
    return std::clamp(index < 0 ? index + size : index, low, high);
  };
  std::int64_t stride = 1;
  if (!step.is_undefined() && !step.is_none() && (!step.to_integer(stride) || stride == 0)) {
    throw Failure("a slice's step: expected an integer other than 0");
  }
  stride = std::clamp<std::int64_t>(stride, -(size + 1), size + 1);
  const bool forward = stride > 0;
  const std::int64_t from = forward ? bound(start, 0, 0, size) : bound(start, size - 1, -1, size - 1);
  const std::int64_t to = forward ? bound(stop, size, 0, size) : bound(stop, -1, -1, size - 1);
  std::vector<Value> picked;
  for (std::int64_t i = from; forward ? i < to : i > to; i += stride) picked.push_back(items[static_cast<std::size_t>(i)]);
  if (is_list) return Value::list(std::move(picked), value.as_list()->kind);
  std::string text;
  for (const Value& character : picked) text += *character.get<std::string>();
  return text;
}

}  // namespace longbow::data::jinja
