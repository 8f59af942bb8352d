#include "rewards/normalize.h"

#include "rewards/unicode.h"

namespace longbow::rewards {

std::vector<std::string> normalized_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  const auto finish = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") words.push_back(word);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (is_space(c)) {
      finish();
    } else if (!is_punctuation(c) && !is_invisible(c)) {
      append_utf8(to_lower(c), word);
    }
  }
  finish();
  return words;
}

std::string normalize(std::string_view text) {
  std::string joined;
  for (const std::string& word : normalized_words(text)) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return joined;
}

}  // namespace longbow::rewards
