// Code points as rewards see them: a forgiving UTF-8 reader, lower case, and what counts as space, punctuation or nothing at all.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace longbow::rewards {

/// What a character is to a reader of answers.
enum class CharKind : unsigned char {
  content,
  space,        // white space, the no-break and typographic ones and line separators too
  punctuation,  // ASCII's, typographic quotes, dashes (the minus sign too), dots and brackets, CJK and full-width punctuation
  invisible,    // takes no room and says nothing: controls (NUL too), zero-width and direction marks, variation selectors, the soft hyphen
};

/// What ASCII is made of, so that most of any text is read without a call.
inline constexpr std::array<CharKind, 128> kAsciiKinds = [] {
  std::array<CharKind, 128> kinds{};
  for (unsigned c = 0; c < kinds.size(); ++c) {
    const bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    const bool is_space = c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
    kinds[c] = is_alnum                ? CharKind::content
               : is_space              ? CharKind::space
               : c < 0x20 || c == 0x7F ? CharKind::invisible
                                       : CharKind::punctuation;
  }
  return kinds;
}();

// The same as below, for what is not ASCII.
char32_t next_beyond_ascii(std::string_view text, std::size_t& at);
void append_beyond_ascii(char32_t code_point, std::string& out);
char32_t to_lower_beyond_ascii(char32_t code_point);
CharKind kind_beyond_ascii(char32_t code_point);

/// The code point that starts at text[at], a place within `text`; moves `at` past it. A byte that belongs to no well-formed sequence reads
/// as U+FFFD, alone.
inline char32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = static_cast<unsigned char>(text[at]);
  if (byte >= 0x80) return next_beyond_ascii(text, at);
  ++at;
  return byte;
}

inline void append_utf8(char32_t c, std::string& out) {
  if (c >= 0x80) return append_beyond_ascii(c, out);
  out += static_cast<char>(c);
}

/// Unicode 14's simple lower case (one code point to one code point); U+0130 becomes i.
inline char32_t to_lower(char32_t c) {
  if (c >= 0x80) return to_lower_beyond_ascii(c);
  return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

inline CharKind kind_of(char32_t c) { return c < 0x80 ? kAsciiKinds[c] : kind_beyond_ascii(c); }
inline bool is_space(char32_t c) { return kind_of(c) == CharKind::space; }
inline bool is_invisible(char32_t c) { return kind_of(c) == CharKind::invisible; }
inline bool is_punctuation(char32_t c) { return kind_of(c) == CharKind::punctuation; }

/// ASCII only, for tags and fixed phrases; every other byte stays as it is, so offsets keep their meaning.
std::string ascii_lower(std::string_view text);
/// Without ASCII and Unicode white space and invisible characters at both ends.
std::string_view trim(std::string_view text);

}  // namespace longbow::rewards
