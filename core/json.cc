// Json values: access, and the writer. The reader is json_reader.cc.
#include "core/json.h"

#include <charconv>
#include <cmath>
#include <utility>

#include "core/errors.h"

namespace longbow {
namespace {

[[noreturn]] void mistyped(std::string_view expected, const Json& got) {
  throw UserError(concat("JSON: expected ", expected, ", got ",
                         got.is_integer() || got.is_array() || got.is_object() ? "an "
                         : got.is_null()                                       ? ""
                                                                               : "a ",
                         got.type_name()));
}

// The length of the well-formed UTF-8 sequence that starts at text[i]; 0 when there is none (overlong, surrogate, cut short).
int utf8_length(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) { return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u; };
  const auto tail = [&](std::size_t at) { return (byte(at) & 0xC0u) == 0x80u; };
  const unsigned lead = byte(i), second = byte(i + 1);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return tail(i + 1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    if (!tail(i + 1) || !tail(i + 2) || (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F)) return 0;
    return 3;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    if (!tail(i + 1) || !tail(i + 2) || !tail(i + 3) || (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

void write_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x80) {
      const int length = utf8_length(text, i);
      out += length ? text.substr(i, length) : std::string_view("\xEF\xBF\xBD");
      i += length ? length : 1;
      continue;
    }
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        if (c < 0x20) {
          (out += "\\u00") += {kHex[c >> 4], kHex[c & 15]};
        } else {
          out += static_cast<char>(c);
        }
    }
    ++i;
  }
  out += '"';
}

void write_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  char buffer[32];
  const char* end = std::to_chars(buffer, buffer + sizeof(buffer), value).ptr;
  const std::string_view digits(buffer, end - buffer);
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";  // stays a double when read again
}

void write(std::string& out, const Json& value, int indent, int depth);

// Writes `open`, the elements by `write_element(i)`, `close`, with line ends between them when `indent` asks for them.
template <class WriteElement>
void write_list(std::string& out, char open, char close, std::size_t size, int indent, int depth, const WriteElement& write_element) {
  const auto new_line = [&](int level) {
    if (indent >= 0) out.append(1, '\n').append(static_cast<std::size_t>(indent) * level, ' ');
  };
  out += open;
  for (std::size_t i = 0; i < size; ++i) {
    if (i) out += indent >= 0 ? "," : ", ";
    new_line(depth + 1);
    write_element(i);
  }
  if (size) new_line(depth);
  out += close;
}

void write(std::string& out, const Json& value, int indent, int depth) {
  if (value.is_object()) {
    const Json::Object& members = value.as_object();
    write_list(out, '{', '}', members.size(), indent, depth, [&](std::size_t i) {
      write_string(out, members[i].first);
      out += ": ";
      write(out, members[i].second, indent, depth + 1);
    });
  } else if (value.is_array()) {
    const Json::Array& elements = value.as_array();
    write_list(out, '[', ']', elements.size(), indent, depth, [&](std::size_t i) { write(out, elements[i], indent, depth + 1); });
  } else if (value.is_string()) {
    write_string(out, value.as_string());
  } else if (value.is_integer()) {
    out += std::to_string(value.as_integer());
  } else if (value.is_number()) {
    write_number(out, value.as_number());
  } else if (value.is_bool()) {
    out += value.as_bool() ? "true" : "false";
  } else {
    out += "null";
  }
}

}  // namespace

const char* Json::type_name() const {
  constexpr const char* kNames[] = {"null", "bool", "integer", "number", "string", "array", "object"};
  return kNames[value_.index()];
}

bool Json::as_bool() const {
  if (!is_bool()) mistyped("a bool", *this);
  return std::get<bool>(value_);
}
std::int64_t Json::as_integer() const {
  if (!is_integer()) mistyped("an integer", *this);
  return std::get<std::int64_t>(value_);
}
double Json::as_number() const {
  if (is_integer()) return static_cast<double>(std::get<std::int64_t>(value_));
  if (!is_number()) mistyped("a number", *this);
  return std::get<double>(value_);
}
const std::string& Json::as_string() const {
  if (!is_string()) mistyped("a string", *this);
  return std::get<std::string>(value_);
}
const Json::Array& Json::as_array() const {
  if (!is_array()) mistyped("an array", *this);
  return std::get<Array>(value_);
}
const Json::Object& Json::as_object() const {
  if (!is_object()) mistyped("an object", *this);
  return std::get<Object>(value_);
}
Json::Array& Json::as_array() { return const_cast<Array&>(std::as_const(*this).as_array()); }
Json::Object& Json::as_object() { return const_cast<Object&>(std::as_const(*this).as_object()); }

const Json* Json::find(std::string_view key) const {
  if (!is_object()) return nullptr;
  for (const auto& [name, value] : std::get<Object>(value_)) {
    if (name == key) return &value;
  }
  return nullptr;
}
Json* Json::find(std::string_view key) { return const_cast<Json*>(std::as_const(*this).find(key)); }

const Json& Json::at(std::string_view key) const {
  as_object();
  const Json* member = find(key);
  if (!member) throw UserError(concat("JSON: expected a key \"", key, "\", got an object without it"));
  return *member;
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object{};
  if (Json* member = find(key)) return *member;
  return as_object().emplace_back(std::string(key), Json()).second;
}

void Json::push_back(Json element) {
  if (is_null()) value_ = Array{};
  as_array().push_back(std::move(element));
}

std::size_t Json::size() const {
  if (is_array()) return as_array().size();
  return is_object() ? as_object().size() : 0;
}

std::string Json::dump(int indent) const {
  std::string out;
  write(out, *this, indent, 0);
  return out;
}

}  // namespace longbow
