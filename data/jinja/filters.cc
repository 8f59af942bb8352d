// Filters by name. Those that go through a sequence (select, map, sort, …) are in sequence_filters.cc.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <unordered_map>

#include "core/errors.h"
#include "data/jinja/arithmetic.h"
#include "data/jinja/builtins.h"
#include "data/jinja/sequence_filters.h"
#include "data/jinja/text.h"

namespace longbow::data::jinja {
namespace {

using Filter = Value (*)(const Value&, const Arguments&);

Value filter_tojson(const Value& subject, const Arguments& arguments) {
  JsonTextOptions options;
  options.ensure_ascii = arguments.truth(0, "ensure_ascii", false);
  if (const Value* indent = arguments.find(1, "indent"); indent != nullptr && !indent->is_none()) {
    options.indent = static_cast<int>(std::clamp<std::int64_t>(arguments.integer(1, "indent", 0), 0, 64));
    options.item_separator = ",";
  }
  if (const Value* separators = arguments.find(2, "separators"); separators != nullptr && !separators->is_none()) {
    const auto pair = iterate(*separators);
    if (pair->items.size() != 2) throw Failure("tojson: expected two separators");
    options.item_separator = to_text(pair->items[0]);
    options.key_separator = to_text(pair->items[1]);
  }
  options.sort_keys = arguments.truth(3, "sort_keys", false);
  return to_json_text(subject, options);
}

Value filter_default(const Value& subject, const Arguments& arguments) {
  const bool falsy_too = arguments.truth(1, "boolean", false);
  if (!subject.is_undefined() && !(falsy_too && !truth(subject))) return subject;
  const Value* otherwise = arguments.find(0, "default_value");
  return otherwise != nullptr ? *otherwise : Value("");
}

Value filter_trim(const Value& subject, const Arguments& arguments) {
  const Value* chars = arguments.find(0, "chars");
  return strip(to_text(subject), true, true, chars != nullptr ? chars->get<std::string>() : nullptr);
}

Value filter_indent(const Value& subject, const Arguments& arguments) {
  std::string margin(4, ' ');
  if (const Value* width = arguments.find(0, "width"); width != nullptr) {
    margin = width->is_string()
                 ? *width->get<std::string>()
                 : std::string(static_cast<std::size_t>(std::clamp<std::int64_t>(arguments.integer(0, "width", 4), 0, 1024)), ' ');
  }
  const bool blank_too = arguments.truth(2, "blank", false);
  std::string out;
  bool first = true;
  for (const std::string& line : split_lines(to_text(subject) + "\n", false)) {  // as Jinja: its one line end more is undone below
    if (!first) out += '\n';
    if (first ? arguments.truth(1, "first", false) : (blank_too || !line.empty())) out += margin;
    out += line;
    first = false;
  }
  return out;
}

Value filter_replace(const Value& subject, const Arguments& arguments) {
  const Value *from = arguments.find(0, "old"), *to = arguments.find(1, "new");
  if (from == nullptr || to == nullptr) throw Failure("replace: expected two texts");
  return replace(to_text(subject), to_text(*from), to_text(*to), arguments.integer(2, "count", -1));
}

Value filter_int(const Value& subject, const Arguments& arguments) {
  const Value* otherwise = arguments.find(0, "default");
  Value fallback = otherwise != nullptr ? *otherwise : Value(0);
  std::int64_t integer = 0;
  if (subject.to_integer(integer)) return integer;
  double number = 0;
  if (const auto* text = subject.get<std::string>()) {
    const std::string digits = strip(*text, true, true);
    const char* end = digits.data() + digits.size();
    const char* start = digits.data() + (digits.starts_with('+') ? 1 : 0);
    const int base = static_cast<int>(arguments.integer(1, "base", 10));
    if (base < 2 || base > 36) throw Failure(concat("int: expected a base in [2, 36], got ", base));
    if (const auto result = std::from_chars(start, end, integer, base); result.ec == std::errc() && result.ptr == end) return integer;
    if (const auto result = std::from_chars(start, end, number); result.ec != std::errc() || result.ptr != end) return fallback;
  } else if (const auto* value = subject.get<double>()) {
    number = *value;
  } else {
    return fallback;
  }
  if (!(std::abs(number) < 9.2e18)) return fallback;
  return static_cast<std::int64_t>(number);
}

Value filter_float(const Value& subject, const Arguments& arguments) {
  if (subject.is_number()) return subject.to_double();
  if (const auto* text = subject.get<std::string>()) {
    const std::string digits = strip(*text, true, true);
    double number = 0;
    const char* end = digits.data() + digits.size();
    const auto result = std::from_chars(digits.data() + (digits.starts_with('+') ? 1 : 0), end, number);
    if (result.ec == std::errc() && result.ptr == end) return number;
  }
  const Value* otherwise = arguments.find(0, "default");
  return otherwise != nullptr ? *otherwise : Value(0.0);
}

Value filter_abs(const Value& subject, const Arguments&) {
  std::int64_t integer = 0;
  if (subject.to_integer(integer)) return integer < 0 ? negative(subject) : integer;
  if (subject.is_number()) return std::abs(subject.to_double());
  throw Failure(concat("abs: expected a number, got ", type_name(subject)));
}

/// Unlike the method, a new word starts only after white space, a dash or an opening bracket.
Value filter_title(const Value& subject, const Arguments&) {
  std::string out, word;
  for (const std::string& character : characters(to_text(subject) + " ")) {
    word += character;
    if (!is_space(code_point(character)) && std::string_view("-({[<").find(character) == std::string_view::npos) continue;
    out += capitalize(word);
    word.clear();
  }
  out.pop_back();
  return out;
}

Value filter_escape(const Value& subject, const Arguments&) {
  std::string out;
  for (const char c : to_text(subject)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

const std::unordered_map<std::string, Filter>& filters() {
  static const std::unordered_map<std::string, Filter> table = {
      {"tojson", filter_tojson},
      {"default", filter_default},
      {"d", filter_default},
      {"trim", filter_trim},
      {"indent", filter_indent},
      {"replace", filter_replace},
      {"int", filter_int},
      {"float", filter_float},
      {"abs", filter_abs},
      {"escape", filter_escape},
      {"e", filter_escape},
      {"length", [](const Value& v, const Arguments&) { return Value(length(v)); }},
      {"count", [](const Value& v, const Arguments&) { return Value(length(v)); }},
      {"string", [](const Value& v, const Arguments&) { return Value(to_text(v)); }},
      {"safe", [](const Value& v, const Arguments&) { return Value(to_text(v)); }},
      {"upper", [](const Value& v, const Arguments&) { return Value(upper(to_text(v))); }},
      {"lower", [](const Value& v, const Arguments&) { return Value(lower(to_text(v))); }},
      {"capitalize", [](const Value& v, const Arguments&) { return Value(capitalize(to_text(v))); }},
      {"title", filter_title},
  };
  return table;
}

}  // namespace

Value apply_filter(const std::string& name, const Value& subject, const Arguments& arguments) {
  if (const auto found = filters().find(name); found != filters().end()) return found->second(subject, arguments);
  if (const auto filter = find_sequence_filter(name)) return filter(subject, arguments);
  throw Failure(concat("the filter '", name, "' is not supported"));
}

}  // namespace longbow::data::jinja
