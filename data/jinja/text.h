// Text as Python sees it: strings are sequences of code points, white space and letter case are Unicode's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace longbow::data::jinja {

/// One string per code point; a byte that is no UTF-8 stands for itself.
std::vector<std::string> characters(std::string_view text);
std::int64_t num_characters(std::string_view text);
char32_t code_point(std::string_view character);
void append_utf8(std::string& text, char32_t code);

bool is_space(char32_t code);
/// str.strip: white space, or the characters of `chars` when it is given.
std::string strip(std::string_view text, bool left, bool right, const std::string* chars = nullptr);
std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// First character upper case, the rest lower case.
std::string capitalize(std::string_view text);
std::string title(std::string_view text);
std::string replace(std::string_view text, std::string_view from, std::string_view to, std::int64_t max_count = -1);
/// str.split: at runs of white space when `separator` is nullptr; max_count < 0 means no limit.
std::vector<std::string> split(std::string_view text, const std::string* separator, std::int64_t max_count, bool from_right = false);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

}  // namespace longbow::data::jinja
