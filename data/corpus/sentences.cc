#include "data/corpus/sentences.h"

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace longbow::data {
namespace {

// Words that a dot belongs to and that rarely end a sentence.
constexpr std::string_view kAbbreviations[] = {"mr",   "mrs",  "ms",   "dr",   "prof", "rev", "hon",  "st",    "sr",  "jr",   "gen", "col",
                                               "capt", "lt",   "sgt",  "gov",  "sen",  "rep", "pres", "no",    "vol", "pp",   "ed",  "eds",
                                               "fig",  "ch",   "cf",   "etc",  "e.g",  "i.e", "viz",  "vs",    "ca",  "al",   "inc", "ltd",
                                               "co",   "corp", "dept", "univ", "jan",  "feb", "mar",  "apr",   "aug", "sept", "oct", "nov",
                                               "dec",  "mt",   "ft",   "u.s",  "u.k",  "b.c", "a.d",  "approx"};

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

// `upto`: the text so far, without the dot.
bool is_abbreviation(std::string_view upto) {
  std::size_t start = upto.size();
  while (start > 0 && !is_space(upto[start - 1]) && upto[start - 1] != '(') --start;
  std::string word;
  for (const char c : upto.substr(start)) word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool initial = word.size() == 1 && std::isalpha(static_cast<unsigned char>(word[0])) && word != "i";
  const bool initials = word.size() >= 3 && word[word.size() - 2] == '.';  // "J.R", "U.S"
  const bool list_number = start == 0 && !word.empty() && std::isdigit(static_cast<unsigned char>(word[0]));
  return initial || initials || list_number ||
         std::find(std::begin(kAbbreviations), std::end(kAbbreviations), word) != std::end(kAbbreviations);
}

bool may_begin(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isupper(byte) || std::isdigit(byte) || byte >= 0x80 || c == '"' || c == '\'' || c == '(' || c == '[';
}

// The sentence's end at or after the stop at `at`: closing quotes and brackets belong to it.
std::size_t after_closing(std::string_view text, std::size_t at) {
  std::size_t end = at + 1;
  while (end < text.size() && std::string_view("\"')]").find(text[end]) != std::string_view::npos) ++end;
  return end;
}

}  // namespace

std::vector<std::string> split_prose(std::string_view text) {
  std::vector<std::string> sentences;
  std::string sentence;
  const auto finish = [&] {
    while (!sentence.empty() && sentence.back() == ' ') sentence.pop_back();
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
    sentence.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_space(c)) {
      std::size_t end = i;
      int line_ends = 0;
      for (; end < text.size() && is_space(text[end]); ++end) line_ends += text[end] == '\n';
      if (line_ends > 1) finish();
      if (!sentence.empty() && sentence.back() != ' ') sentence += ' ';
      i = end - 1;
      continue;
    }
    if (c != '.' && c != '!' && c != '?') {
      sentence += c;
      continue;
    }
    const bool abbreviation = c == '.' && is_abbreviation(sentence);
    const std::size_t end = after_closing(text, i);
    sentence += text.substr(i, end - i);
    i = end - 1;
    std::size_t next = end;
    while (next < text.size() && is_space(text[next])) ++next;
    if (next == text.size() || (next > end && may_begin(text[next]) && !abbreviation)) finish();
  }
  finish();
  return sentences;
}

}  // namespace longbow::data
