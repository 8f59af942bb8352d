#include "rewards/normalize.h"

#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

// Gives `take` each word, which it may move from.
template <class Take>
void each_word(std::string_view text, Take take) {
  std::string word;
  const auto finish = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") take(word);
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    const CharKind kind = kind_of(c);
    if (kind == CharKind::space) {
      finish();
    } else if (kind == CharKind::content) {
      append_utf8(to_lower(c), word);
    }
  }
  finish();
}

}  // namespace

std::vector<std::string> normalized_words(std::string_view text) {
  std::vector<std::string> words;
  each_word(text, [&](std::string& word) { words.push_back(std::move(word)); });
  return words;
}

std::string normalize(std::string_view text) {
  std::string joined;
  each_word(text, [&](const std::string& word) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  });
  return joined;
}

}  // namespace longbow::rewards
