#include "data/tasks/phrase.h"

#include <array>
#include <cctype>

#include "core/errors.h"

namespace longbow::data {
namespace {

constexpr std::string_view kBlank = "{}";

bool is_word_byte(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool ends_with(std::string_view word, std::string_view tail) {
  return word.size() >= tail.size() && word.substr(word.size() - tail.size()) == tail;
}

}  // namespace

std::string fill(std::string_view pattern, const std::vector<std::string_view>& words) {
  std::string sentence;
  std::size_t used = 0;
  for (;;) {
    const std::size_t blank = pattern.find(kBlank);
    sentence += pattern.substr(0, blank);
    if (blank == std::string_view::npos) break;
    LONGBOW_CHECK_LT(used, words.size());
    sentence += words[used++];
    pattern.remove_prefix(blank + kBlank.size());
  }
  LONGBOW_CHECK_EQ(used, words.size());
  return sentence;
}

std::optional<std::vector<std::string_view>> match(std::string_view sentence, std::string_view pattern) {
  std::vector<std::string_view> words;
  for (;;) {
    const std::size_t blank = pattern.find(kBlank);
    const std::string_view literal = pattern.substr(0, blank);
    if (sentence.substr(0, literal.size()) != literal) return std::nullopt;
    sentence.remove_prefix(literal.size());
    if (blank == std::string_view::npos) return sentence.empty() ? std::optional(std::move(words)) : std::nullopt;
    pattern.remove_prefix(blank + kBlank.size());
    std::size_t end = 0;
    while (end < sentence.size() && (is_word_byte(sentence[end]) || sentence[end] == '-')) ++end;
    if (end == 0) return std::nullopt;
    words.push_back(sentence.substr(0, end));
    sentence.remove_prefix(end);
  }
}

std::vector<Sentence> split_sentences(std::string_view text) {
  std::vector<Sentence> sentences;
  const auto is_space = [&](std::size_t at) { return std::isspace(static_cast<unsigned char>(text[at])) != 0; };
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool at_end = i == text.size();
    const bool is_stop = !at_end && (text[i] == '.' || text[i] == '?') && (i + 1 == text.size() || is_space(i + 1));
    if (!at_end && !is_stop) continue;
    while (start < i && is_space(start)) ++start;
    const std::size_t end = at_end ? i : i + 1;
    if (start < end)
      sentences.push_back({text.substr(start, end - start), {static_cast<std::int64_t>(start), static_cast<std::int64_t>(end)}});
    start = end;
  }
  return sentences;
}

std::vector<std::string> lower_words(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_word_byte(text[i])) {
      ++i;
      continue;
    }
    std::string word;
    for (; i < text.size() && is_word_byte(text[i]); ++i) word += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
    words.push_back(std::move(word));
  }
  return words;
}

std::string content_stem(std::string_view word) {
  constexpr std::array kFunctionWords = {"a",    "an",   "the",  "of", "to",  "in",   "on",   "at",  "by",   "for",  "with", "and",
                                         "or",   "is",   "was",  "be", "did", "does", "do",   "has", "have", "had",  "who",  "what",
                                         "that", "this", "than", "as", "how", "many", "much", "it",  "its",  "from", "about"};
  for (const std::string_view function_word : kFunctionWords) {
    if (word == function_word) return "";
  }
  for (const std::string_view tail : {"ing", "ed", "es", "s"}) {
    if (word.size() >= tail.size() + 3 && ends_with(word, tail)) return std::string(word.substr(0, word.size() - tail.size()));
  }
  return std::string(word);
}

std::vector<Sentence> find_numbers(std::string_view text) {
  std::vector<Sentence> numbers;
  for (std::size_t i = 0; i < text.size();) {
    if (!is_digit(text[i]) || (i > 0 && is_word_byte(text[i - 1]))) {
      ++i;
      continue;
    }
    std::size_t end = i;
    while (end < text.size() && is_digit(text[end])) ++end;
    if (end == text.size() || !is_word_byte(text[end])) {  // "4821", not "4f2a91c3"
      numbers.push_back({text.substr(i, end - i), {static_cast<std::int64_t>(i), static_cast<std::int64_t>(end)}});
    }
    i = end;
  }
  return numbers;
}

}  // namespace longbow::data
