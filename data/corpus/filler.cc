// Which sentences may stand between the evidence: whole, plain and without anything that a task asks for.
#include <algorithm>
#include <cctype>

#include "data/corpus/text_source.h"

namespace longbow::data {
namespace {

// Stems of words that a definition may spell out and an exercise need not.
constexpr std::string_view kAvoidedStems[] = {"sex",         "erotic",    "semen",  "genital", "penis",  "vagina", "rape",
                                              "intercourse", "prostitut", "nazi",   "feces",   "urin",   "slur",   "offensive",
                                              "disparag",    "obscen",    "suicid", "orgasm",  "excret", "bowel"};
constexpr std::size_t kMinBytes = 16, kMaxBytes = 320, kMinWords = 3;

// Without "[1913 Webster]" and the marks of links and emphasis; a bracket that does not close leaves what follows it out.
std::string without_markup(std::string_view sentence) {
  std::string text;
  int depth = 0;
  for (const char c : sentence) {
    if (c == '[') ++depth;
    const bool keep = depth == 0 && std::string_view("{}*_`\\").find(c) == std::string_view::npos;
    if (c == ']' && depth > 0) {
      --depth;
      continue;
    }
    if (!keep || (c == ' ' && (text.empty() || text.back() == ' '))) continue;
    text += c;
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  return text;
}

// Without the number before "Ge1:1 In the beginning" or "12 And the earth": a verse's or a list's, no part of its sentence.
std::string_view without_number(std::string_view sentence) {
  constexpr std::size_t kLongestNumber = 12;
  const std::size_t end = std::min(sentence.find(' '), sentence.size());
  if (end == 0 || end > kLongestNumber || end == sentence.size()) return sentence;
  const auto is_part = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == ':'; };
  const std::string_view number = sentence.substr(0, end);
  const bool is_number = std::isdigit(static_cast<unsigned char>(number.back())) != 0 && std::all_of(number.begin(), number.end(), is_part);
  return is_number ? sentence.substr(end + 1) : sentence;
}

bool is_plain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || std::isalpha(byte) || std::string_view(" ,;:'\"()-").find(c) != std::string_view::npos;
}

}  // namespace

bool is_unpleasant(std::string_view text) {
  std::string lower;
  for (const char c : text) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::any_of(std::begin(kAvoidedStems), std::end(kAvoidedStems),
                     [&](std::string_view stem) { return lower.find(stem) != std::string_view::npos; });
}

std::size_t first_bad_byte(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto byte = static_cast<unsigned char>(line[i]);
    if (byte < 0x20 && byte != '\t' && byte != '\f') return i;
    if (byte < 0x80) continue;
    const std::size_t following = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
    if (byte < 0xC2 || byte > 0xF4 || i + following >= line.size()) return i;
    const auto second = static_cast<unsigned char>(line[i + 1]);  // its range rules out overlong forms, surrogates and what lies beyond
    if ((byte == 0xE0 && second < 0xA0) || (byte == 0xED && second > 0x9F) || (byte == 0xF0 && second < 0x90) ||
        (byte == 0xF4 && second > 0x8F)) {
      return i;
    }
    for (std::size_t k = 1; k <= following; ++k) {
      if ((static_cast<unsigned char>(line[i + k]) & 0xC0) != 0x80) return i;
    }
    i += following;
  }
  return std::string_view::npos;
}

std::string filler_from_prose(std::string_view sentence) {
  std::string text = without_markup(without_number(sentence));
  if (text.empty() || std::string_view(".!?").find(text.back()) == std::string_view::npos) return "";  // a heading, a table's cell
  text.pop_back();
  const auto count = [&](char c) { return std::count(text.begin(), text.end(), c); };
  if (text.size() + 1 < kMinBytes || text.size() >= kMaxBytes || count(' ') + 1 < static_cast<std::ptrdiff_t>(kMinWords)) return "";
  if (!std::isupper(static_cast<unsigned char>(text[0])) || !std::all_of(text.begin(), text.end(), is_plain)) return "";
  if (count('(') != count(')') || count('"') % 2 != 0 || is_unpleasant(text) || first_bad_byte(text) != std::string_view::npos) return "";
  return text + ".";
}

}  // namespace longbow::data
