#include "rewards/multiple_choice.h"

#include <algorithm>
#include <optional>

#include "rewards/answer_reward.h"
#include "rewards/plain_math.h"
#include "rewards/unicode.h"

namespace longbow::rewards {
namespace {

constexpr std::size_t kContextBytes = 300;  // of a statement that are read; more is another sentence
constexpr std::size_t kMaxReadBytes = std::size_t{64} << 10;
constexpr int kMaxAnchors = 64;  // statements looked at, from the last, so that a text full of them stays cheap

bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
bool is_alnum(char c) {
  return is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 || c == '\'' || c == '_';
}
bool is_one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

std::string_view skip(std::string_view text, std::string_view set) {
  text.remove_prefix(std::min(text.find_first_not_of(set), text.size()));
  return text;
}

std::string_view leading_word(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_alnum(text[n])) ++n;
  return text.substr(0, n);
}

template <class... Words>
bool is_word(std::string_view word, Words... words) {
  const std::string lower = ascii_lower(word);
  return ((lower == words) || ...);
}

struct Choice {
  char letter;
  std::string_view rest;  // what is said after it
};

// The letter that `text` begins with, if it is said as a letter and not as the article or a word.
std::optional<Choice> leading_choice(std::string_view text) {
  text = skip(text.substr(0, kContextBytes), " \n\t:\"`*");
  for (std::string_view word = leading_word(text); is_word(word, "option", "choice", "letter", "answer"); word = leading_word(text)) {
    text = skip(text.substr(word.size()), " \n\t:\"`*");
  }
  const bool bracketed = !text.empty() && is_one_of(text[0], "([{");
  if (bracketed) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  const bool upper = is_upper(text[0]);
  const char letter = upper ? text[0] : static_cast<char>(text[0] - 32);
  if (letter < 'A' || letter > 'J') return std::nullopt;
  const std::string_view rest = text.substr(1);
  if (rest.empty()) return bracketed ? std::nullopt : std::optional(Choice{letter, rest});
  if (bracketed) return is_one_of(rest[0], ")]}") ? std::optional(Choice{letter, rest.substr(1)}) : std::nullopt;
  if (rest[0] == ')' || (upper && is_one_of(rest[0], ".:,;!\n\"`"))) return Choice{letter, rest.substr(1)};
  if (!upper) return trim(skip(rest, ".\"`")).empty() ? std::optional(Choice{letter, rest}) : std::nullopt;
  if (rest[0] != ' ') return std::nullopt;
  const std::string_view next = leading_word(skip(rest, " "));
  const bool could_be_word = letter == 'A' || letter == 'I';  // "A dog", "I think"
  if (could_be_word && !next.empty() && !is_one_of(next[0], "ABCDEFGHIJ") &&
      !is_word(next, "is", "because", "since", "as", "for", "or", "and")) {
    return std::nullopt;
  }
  return Choice{letter, rest};
}

// Whether what follows a choice offers another letter or takes the first back; reasons against the others are neither.
bool wavers(const Choice& choice) {
  std::string_view previous_word;
  const std::string_view rest = choice.rest;
  char mark = ' ';  // the last character that was neither letter nor space
  for (std::size_t at = 0; at < rest.size();) {
    if (!is_alnum(rest[at])) {
      if (rest[at] != ' ') mark = rest[at], previous_word = {};
      ++at;
      continue;
    }
    const std::string_view word = leading_word(rest.substr(at));
    const char after = at + word.size() < rest.size() ? rest[at + word.size()] : ' ';
    const char before = at > 0 ? rest[at - 1] : ' ';
    if (is_word(word, "because", "since")) return false;  // why not the others
    if (is_word(word, "maybe", "perhaps", "possibly", "unsure")) return true;
    const bool letter = word.size() == 1 && (word[0] | 32) >= 'a' && (word[0] | 32) <= 'j' && (word[0] & ~32) != choice.letter;
    const bool in_brackets = is_one_of(before, "([") && is_one_of(after, ")]");
    const bool offered = is_one_of(mark, ",/&|;+\n") || is_one_of(after, "):") ||
                         is_word(previous_word, "or", "and", "nor", "option", "choice", "answer", "is", "either", "not") || at <= 1;
    if (letter && (in_brackets || (is_upper(word[0]) && offered))) return true;
    previous_word = word;
    mark = ' ';
    at += word.size();
  }
  return false;
}

// The last statement "NOUN is X" or "NOUN: X" in free text that names a letter. `lower`: the text in lower case.
std::optional<Choice> choice_after(std::string_view noun, std::string_view text, const std::string& lower) {
  std::size_t anchor = lower.size();
  for (int i = 0; i < kMaxAnchors && anchor > 0; ++i) {
    anchor = lower.rfind(noun, anchor - 1);
    if (anchor == std::string::npos) return std::nullopt;
    std::string_view after = skip(text.substr(anchor + noun.size()), " ");
    const bool is = is_word(leading_word(after), "is");
    if (!is && !after.starts_with(':')) continue;
    if (const auto choice = leading_choice(is ? after.substr(2) : after)) return choice;
  }
  return std::nullopt;
}

std::optional<Choice> anchored_choice(std::string_view text) {
  const std::string lower = ascii_lower(text);
  for (const std::string_view noun : {"answer", "correct option", "correct choice", "best option", "best choice"}) {
    if (const auto choice = choice_after(noun, text, lower)) return choice;
  }
  return std::nullopt;
}

std::optional<Choice> choice_in(const Extraction& extraction, std::string_view plain) {
  if (extraction.place == AnswerPlace::everything) {
    if (const auto choice = anchored_choice(plain)) return choice;
    if (plain.size() > kContextBytes) return std::nullopt;
  }
  return leading_choice(plain);
}

// The one letter of an answer, or why there is none.
struct Said {
  char letter = 0;
  std::string_view problem;
};

Said said_letter(const Extraction& extraction) {
  const std::size_t size = extraction.text.size(), read = std::min(size, kMaxReadBytes);
  const std::size_t begin = extraction.place == AnswerPlace::everything ? size - read : 0;  // free text answers at its end
  const std::string plain = plain_math(std::string_view(extraction.text).substr(begin, read));
  const std::optional<Choice> choice = choice_in(extraction, plain);
  if (!choice) return {0, "no letter where an answer is said"};
  if (wavers(*choice)) return {0, "more than one letter, or a hedge"};
  return {choice->letter, ""};
}

}  // namespace

RewardResult multiple_choice(const RewardInput& input) {
  return best_over_answers(input, said_letter, [](const Said& said, std::string_view gold) -> Comparison {
    const std::optional<Choice> expected = leading_choice(gold);
    if (!expected) return {0, "the gold answer is no letter"};
    if (said.letter == 0) return {0, std::string(said.problem)};
    return said.letter == expected->letter ? Comparison{1, "the letter"} : Comparison{0, std::string("another letter: ") + said.letter};
  });
}

}  // namespace longbow::rewards
