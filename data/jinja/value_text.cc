// Values as text: Python's str() and repr(), and json.dumps as the filter `tojson` uses it.
#include <algorithm>
#include <cstdio>

#include "core/errors.h"
#include "data/jinja/text.h"
#include "data/jinja/value.h"

namespace longbow::data::jinja {
namespace {

std::string hex(const char* format, unsigned value) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, format, value);
  return buffer;
}

std::string string_repr(const std::string& text) {
  const char quote = text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const std::string& character : characters(text)) {
    const char32_t code = code_point(character);
    if (character[0] == quote || character[0] == '\\') {
      out += '\\' + character;
    } else if (code == '\n') {
      out += "\\n";
    } else if (code == '\r') {
      out += "\\r";
    } else if (code == '\t') {
      out += "\\t";
    } else if (code < 0x20 || (code >= 0x7F && code <= 0xA0) || code == 0xAD) {
      out += hex("\\x%02x", code);
    } else if (code > 0xFF && is_space(code)) {
      out += hex("\\u%04x", code);
    } else {
      out += character;
    }
  }
  return out + quote;
}

std::string json_string(const std::string& text, bool ensure_ascii) {
  std::string out = "\"";
  for (const std::string& character : characters(text)) {
    const char32_t code = code_point(character);
    switch (code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (code < 0x20 || (ensure_ascii && code > 0x7E && code < 0x10000)) {
          out += hex("\\u%04x", code);
        } else if (ensure_ascii && code >= 0x10000) {
          out += hex("\\u%04x", 0xD800 + ((code - 0x10000) >> 10)) + hex("\\u%04x", 0xDC00 + ((code - 0x10000) & 0x3FF));
        } else {
          out += character;
        }
    }
  }
  return out + '"';
}

class JsonText {
 public:
  explicit JsonText(const JsonTextOptions& options) : options_(options) {}

  std::string write(const Value& value, int depth) const {
    if (value.is_none()) return "null";
    if (const auto* flag = value.get<bool>()) return *flag ? "true" : "false";
    if (const auto* integer = value.get<std::int64_t>()) return std::to_string(*integer);
    if (const auto* number = value.get<double>()) {
      const std::string text = number_text(*number);
      return text == "nan" ? "NaN" : text == "inf" ? "Infinity" : text == "-inf" ? "-Infinity" : text;
    }
    if (const auto* text = value.get<std::string>()) return json_string(*text, options_.ensure_ascii);
    std::vector<std::string> parts;
    if (const List* list = value.as_list(); list != nullptr && list->kind != ListKind::generator) {
      for (const Value& item : list->items) parts.push_back(write(item, depth + 1));
      return enclosed('[', parts, ']', depth);
    }
    if (const Map* map = value.as_map(); map != nullptr && !map->is_namespace) {
      auto members = map->members;
      if (options_.sort_keys) {
        std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
      }
      for (const auto& [key, member] : members) {
        parts.push_back(json_string(key, options_.ensure_ascii) + options_.key_separator + write(member, depth + 1));
      }
      return enclosed('{', parts, '}', depth);
    }
    throw Failure(concat("tojson: expected a value that JSON can hold, got ", type_name(value)));
  }

 private:
  std::string enclosed(char open, const std::vector<std::string>& parts, char close, int depth) const {
    if (parts.empty()) return {open, close};
    const auto new_line = [&](int level) {
      return options_.indent < 0 ? std::string() : '\n' + std::string(static_cast<std::size_t>(options_.indent * level), ' ');
    };
    std::string out = open + new_line(depth + 1);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (i > 0) out += options_.item_separator + new_line(depth + 1);
      out += parts[i];
    }
    check_text_size(out.size());
    return out + new_line(depth) + close;
  }

  const JsonTextOptions& options_;
};

}  // namespace

std::string repr(const Value& value) {
  if (const auto* text = value.get<std::string>()) return string_repr(*text);
  if (value.is_undefined()) return "Undefined";
  std::string out;
  if (const List* list = value.as_list()) {
    if (list->kind == ListKind::generator) throw Failure("cannot print a generator: pass it through the filter list first");
    for (const Value& item : list->items) {
      out += (out.empty() ? "" : ", ") + repr(item);
      check_text_size(out.size());
    }
    if (list->kind == ListKind::list) return '[' + out + ']';
    return '(' + out + (list->items.size() == 1 ? ",)" : ")");
  }
  if (const Map* map = value.as_map(); map != nullptr && !map->is_namespace) {
    for (const auto& [key, member] : map->members) {
      out += (out.empty() ? "" : ", ") + string_repr(key) + ": " + repr(member);
      check_text_size(out.size());
    }
    return '{' + out + '}';
  }
  return to_text(value);
}

std::string to_text(const Value& value) {
  if (const auto* text = value.get<std::string>()) return *text;
  if (value.is_undefined()) return "";
  if (value.is_none()) return "None";
  if (const auto* flag = value.get<bool>()) return *flag ? "True" : "False";
  if (const auto* integer = value.get<std::int64_t>()) return std::to_string(*integer);
  if (const auto* number = value.get<double>()) return number_text(*number);
  if (value.as_list() != nullptr) return repr(value);
  if (const Map* map = value.as_map(); map != nullptr && !map->is_namespace) return repr(value);
  throw Failure(concat("cannot print ", type_name(value)));
}

std::string to_json_text(const Value& value, const JsonTextOptions& options) { return JsonText(options).write(value, 0); }

}  // namespace longbow::data::jinja
