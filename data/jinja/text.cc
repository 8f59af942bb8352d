#include "data/jinja/text.h"

#include <clocale>
#include <cwctype>

#include <algorithm>

namespace longbow::data::jinja {
namespace {

std::size_t sequence_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const std::size_t length = lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (at + length > text.size()) return 1;
  for (std::size_t k = 1; k < length; ++k) {
    if ((static_cast<unsigned char>(text[at + k]) & 0xC0) != 0x80) return 1;
  }
  return length;
}

/// A locale whose case mapping is Unicode's, whatever the environment says; the C locale (ASCII only) where the system has none.
locale_t unicode_locale() {
  static const locale_t locale = [] {
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    return utf8 != nullptr ? utf8 : newlocale(LC_CTYPE_MASK, "C", nullptr);
  }();
  return locale;
}

enum class Case { upper, lower, title };

std::string map_case(std::string_view text, Case mode) {
  std::string result;
  bool inside_word = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = sequence_length(text, i);
    const std::string_view character = text.substr(i, length);
    const auto code = static_cast<std::wint_t>(code_point(character));
    const bool up = mode == Case::upper || (mode == Case::title && !inside_word);
    if (code == 0xDF && up) {
      result += mode == Case::upper ? "SS" : "Ss";  // the one letter of everyday text whose upper case is two
    } else if (length == 1 && code >= 0x80) {
      result += character;
    } else {
      append_utf8(result, static_cast<char32_t>(up ? towupper_l(code, unicode_locale()) : towlower_l(code, unicode_locale())));
    }
    inside_word = iswalpha_l(code, unicode_locale()) != 0;
    i += length;
  }
  return result;
}

}  // namespace

std::vector<std::string> characters(std::string_view text) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < text.size(); i += result.back().size()) result.emplace_back(text.substr(i, sequence_length(text, i)));
  return result;
}

std::int64_t num_characters(std::string_view text) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < text.size(); i += sequence_length(text, i)) ++count;
  return count;
}

char32_t code_point(std::string_view character) {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  char32_t code = lead & (0xFF >> (character.size() + 1));
  for (const char byte : character.substr(1)) code = (code << 6) | (static_cast<unsigned char>(byte) & 0x3F);
  return code;
}

void append_utf8(std::string& text, char32_t code) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

std::string strip(std::string_view text, bool left, bool right, const std::string* chars) {
  const std::vector<std::string> set = chars != nullptr ? characters(*chars) : std::vector<std::string>{};
  const auto goes = [&](std::string_view character) {
    return chars != nullptr ? std::find(set.begin(), set.end(), character) != set.end() : is_space(code_point(character));
  };
  while (left && !text.empty()) {
    const std::size_t length = sequence_length(text, 0);
    if (!goes(text.substr(0, length))) break;
    text.remove_prefix(length);
  }
  while (right && !text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    if (start + sequence_length(text, start) != text.size()) start = text.size() - 1;  // broken UTF-8: byte by byte
    if (!goes(text.substr(start))) break;
    text.remove_suffix(text.size() - start);
  }
  return std::string(text);
}

std::string upper(std::string_view text) { return map_case(text, Case::upper); }
std::string lower(std::string_view text) { return map_case(text, Case::lower); }
std::string title(std::string_view text) { return map_case(text, Case::title); }

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  const std::size_t first = sequence_length(text, 0);
  return map_case(text.substr(0, first), Case::title) + lower(text.substr(first));
}

std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t max_count) {
  std::string result;
  std::size_t start = 0;
  for (std::int64_t done = 0; max_count < 0 || done < max_count; ++done) {
    if (from.empty()) {  // Python puts `to` before every character and at the end
      result += to;
      if (start == text.size()) break;
      const std::size_t length = sequence_length(text, start);
      result += text.substr(start, length);
      start += length;
      continue;
    }
    const std::size_t found = text.find(from, start);
    if (found == std::string_view::npos) break;
    result += text.substr(start, found - start);
    result += to;
    start = found + from.size();
  }
  return result.append(text.substr(start));
}

std::vector<std::string> split(std::string_view text, const std::string* separator, std::int64_t max_count, bool from_right) {
  std::vector<std::string> parts;
  const auto more = [&] { return max_count < 0 || static_cast<std::int64_t>(parts.size()) < max_count; };
  if (separator == nullptr) {
    std::string rest = strip(text, !from_right, from_right);
    while (!rest.empty() && more()) {
      const std::vector<std::string> letters = characters(rest);
      std::size_t word_bytes = 0;
      for (std::size_t i = 0; i < letters.size(); ++i) {
        const std::string& letter = letters[from_right ? letters.size() - 1 - i : i];
        if (is_space(code_point(letter))) break;
        word_bytes += letter.size();
      }
      parts.push_back(from_right ? rest.substr(rest.size() - word_bytes) : rest.substr(0, word_bytes));
      rest = from_right ? strip(std::string_view(rest).substr(0, rest.size() - word_bytes), false, true)
                        : strip(std::string_view(rest).substr(word_bytes), true, false);
    }
    if (!rest.empty()) parts.push_back(rest);
  } else {
    while (more()) {
      const std::size_t found = from_right ? text.rfind(*separator) : text.find(*separator);
      if (found == std::string_view::npos) break;
      const std::size_t after = found + separator->size();
      parts.emplace_back(from_right ? text.substr(after) : text.substr(0, found));
      text = from_right ? text.substr(0, found) : text.substr(after);
    }
    parts.emplace_back(text);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    std::size_t end = std::min(text.find_first_of("\n\r\v\f"), text.size());
    std::size_t next = std::min(end + 1, text.size());
    if (text.substr(end, 2) == "\r\n") ++next;
    lines.emplace_back(text.substr(0, keep_ends ? next : end));
    text.remove_prefix(next);
  }
  return lines;
}

}  // namespace longbow::data::jinja
