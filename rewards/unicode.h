// Code points as rewards see them: a forgiving UTF-8 reader, lower case, and what counts as space, punctuation or nothing at all.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace longbow::rewards {

/// The code point that starts at text[at]; moves `at` past it. A byte that belongs to no well-formed sequence reads as U+FFFD, alone.
char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(char32_t code_point, std::string& out);

/// Unicode 14's simple lower case (one code point to one code point); U+0130 becomes i.
char32_t to_lower(char32_t code_point);

/// White space, the no-break and typographic ones and line separators too.
bool is_space(char32_t code_point);
/// Takes no room and says nothing: controls (NUL too), zero-width and direction marks, variation selectors, the soft hyphen.
bool is_invisible(char32_t code_point);
/// ASCII punctuation, typographic quotes, dashes (the minus sign too), dots and brackets, CJK and full-width punctuation.
bool is_punctuation(char32_t code_point);

/// ASCII only, for tags and fixed phrases; every other byte stays as it is, so offsets keep their meaning.
std::string ascii_lower(std::string_view text);
/// Without ASCII and Unicode white space and invisible characters at both ends.
std::string_view trim(std::string_view text);

}  // namespace longbow::rewards
