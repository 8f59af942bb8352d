#include "rewards/lists.h"

#include "rewards/normalize.h"
#include "rewards/plain_math.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kMaxNumberDigits = 4;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_leading(std::string_view text, std::string_view set) {
  text.remove_prefix(std::min(text.find_first_not_of(set), text.size()));
  return text;
}

// "- a", "* a", "• a" → "a"; a dash before a digit is its sign.
std::string_view without_bullet(std::string_view line) {
  for (const std::string_view bullet : {"- ", "* ", "+ ", "•", "– "}) {
    if (line.starts_with(bullet)) return trim(line.substr(bullet.size()));
  }
  return line;
}

List cut(std::string_view text, char separator) {
  List parts;
  parts.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), separator)) + 1);
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    const std::string_view part = trim(text.substr(begin, end - begin));
    if (!part.empty()) parts.emplace_back(part);
    begin = end + 1;
  }
  return parts;
}

bool spells_list(std::string_view answer) {
  const std::string_view text = trim(answer);
  return text.find('\n') != std::string_view::npos || bracketed_list(text) || numbered_line(text);
}

}  // namespace

std::optional<NumberedLine> numbered_line(std::string_view line) {
  line = without_leading(trim(line), "*_ ");
  if (line.starts_with('(')) line.remove_prefix(1);
  std::size_t digits = 0;
  while (digits < line.size() && is_digit(line[digits])) ++digits;
  if (digits == 0 || digits > kMaxNumberDigits) return std::nullopt;
  NumberedLine result;
  for (const char c : line.substr(0, digits)) result.number = 10 * result.number + (c - '0');
  const std::string_view rest = line.substr(digits), element = without_leading(rest, ".):");
  if (element.size() == rest.size()) return std::nullopt;
  if (!element.empty() && is_digit(element[0]) && rest[0] != ')') return std::nullopt;  // "1.5" and "12:30" are no numbering
  result.element = trim(without_leading(element, "*_ "));
  return result;
}

std::vector<std::string_view> content_lines(std::string_view text) {
  std::vector<std::string_view> lines;
  const auto add = [&](std::string_view line) {
    line = trim(line);
    if (!line.empty() && !line.starts_with("```")) lines.push_back(line);
  };
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool latex = text[at] == '\\' && at + 1 < text.size() && text[at + 1] == '\\';
    if (text[at] != '\n' && !latex) continue;
    add(text.substr(begin, at - begin));
    at += latex;
    begin = at + 1;
  }
  add(text.substr(std::min(begin, text.size())));
  return lines;
}

std::optional<List> bracketed_list(std::string_view text) {
  text = trim(text);
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  return cut(text.substr(1, text.size() - 2), ',');
}

List read_list(std::string_view text) {
  if (auto list = bracketed_list(text)) return *std::move(list);
  std::vector<std::string_view> lines = content_lines(text);
  List numbered, plain;
  for (const std::string_view line : lines) {
    if (const auto entry = numbered_line(line)) numbered.emplace_back(entry->element);
  }
  if (numbered.size() >= 2 || (!numbered.empty() && lines.size() == 1)) return numbered;
  if (lines.size() > 1 && lines.front().ends_with(':')) lines.erase(lines.begin());
  if (lines.size() == 1) {
    for (const char separator : {'>', ';', ','}) {
      List parts = cut(lines.front(), separator);
      if (parts.size() > 1) return parts;
    }
  }
  for (const std::string_view line : lines) {
    const auto entry = numbered_line(line);
    plain.emplace_back(entry ? entry->element : without_bullet(line));
  }
  return plain;
}

std::vector<List> gold_lists(const std::vector<std::string>& answers) {
  if (std::none_of(answers.begin(), answers.end(), spells_list)) return {answers};
  std::vector<List> lists;
  for (const std::string& answer : answers) lists.push_back(read_list(answer));
  return lists;
}

std::string element_key(std::string_view element) {
  std::string key = normalize(element);
  const bool plain_spelling =
      std::all_of(element.begin(), element.end(), [](char c) { return is_digit(c) || c == ' ' || ((c | 32) >= 'a' && (c | 32) <= 'z'); });
  if (plain_spelling || key.find_first_of("0123456789") == std::string::npos) return key;
  const std::string plain = plain_math(element);
  std::string marks;
  std::size_t digits = 0;
  for (std::size_t at = 0; at < plain.size(); ++at) {
    const bool before_digit = at + 1 < plain.size() && is_digit(plain[at + 1]);
    const bool after_content = at > 0 && plain[at - 1] != ' ';
    if (is_digit(plain[at])) {
      ++digits;
    } else if (before_digit && (plain[at] == '.' || (plain[at] == '-' && !after_content))) {
      marks += plain[at] + std::to_string(digits);  // where among the digits it stands
    }
  }
  if (!marks.empty()) key += "\n" + marks;
  return key;
}

List element_keys(const List& list) {
  List keys;
  for (const std::string& element : list) keys.push_back(element_key(element));
  return keys;
}

}  // namespace longbow::rewards
