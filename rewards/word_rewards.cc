#include "rewards/word_rewards.h"

#include <algorithm>
#include <map>

#include "core/errors.h"
#include "rewards/normalize.h"
#include "rewards/number_reader.h"
#include "rewards/plain_math.h"

namespace longbow::rewards {
namespace {

using Words = std::vector<std::string>;

// "\\text{New York}" in a box says "New York"; a no-break space groups digits and parts words. No answer in LaTeX is as long as the limit.
Words words_of(std::string_view text) {
  constexpr std::size_t kMaxLatexBytes = std::size_t{64} << 10;
  if (text.size() > kMaxLatexBytes || text.find('\\') == std::string_view::npos) return normalized_words(text);
  std::string plain = plain_math(text);
  for (std::size_t at = 0; at < plain.size(); ++at) {
    const auto digit = [&](std::size_t i) { return i < plain.size() && plain[i] >= '0' && plain[i] <= '9'; };
    if (plain[at] == kThinSpace && !(at > 0 && digit(at - 1) && digit(at + 1))) plain[at] = ' ';
  }
  return normalized_words(plain);
}

// An answer or a gold answer, and its words.
struct Side {
  explicit Side(std::string_view t) : text(t), words(words_of(t)) {}
  std::string_view text;
  Words words;
};

// best_over_answers for a comparison of words; nothing is compared with an empty side.
template <class Compare>
RewardResult best_over_words(const RewardInput& input, Compare compare) {
  return best_over_answers(
      input, [](const Extraction& extraction) { return Side(extraction.text); },
      [&](const Side& answer, std::string_view gold_text) -> Comparison {
        const Side gold(gold_text);
        if (gold.words.empty()) return {0, "the gold answer is empty after normalisation"};
        if (answer.words.empty()) return {0, "the answer is empty after normalisation"};
        return compare(answer, gold);
      });
}

Comparison compare_exactly(const Side& answer, const Side& gold) {
  if (answer.words != gold.words) return {0, "not equal"};
  if (are_different_numbers(answer.text, gold.text)) return {0, "different numbers"};
  return {1, "equal"};
}

bool is_number(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool hedges(const std::string& word) {
  static constexpr std::string_view kHedges[] = {"or",     "and",     "not",     "no",     "nor",      "neither", "never",
                                                 "either", "without", "except",  "unless", "possibly", "maybe",   "perhaps",
                                                 "but",    "rather",  "instead", "isnt",   "wasnt",    "unlike"};
  return std::find(std::begin(kHedges), std::end(kHedges), word) != std::end(kHedges);
}

// Words that say nothing of what is asked.
bool is_function_word(const std::string& word) {
  static constexpr std::string_view kFunctionWords[] = {"of", "in", "on", "at", "to", "by", "for", "from", "with", "is", "was", "it"};
  return std::find(std::begin(kFunctionWords), std::end(kFunctionWords), word) != std::end(kFunctionWords);
}

std::ptrdiff_t count_separators(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == ',' || c == ';' || c == '|' || c == '/' || c == '\n'; });
}

// Why what `whole` says beside `part`, which it holds at `at`, spoils the match; empty when it does not.
std::string spoilt(const Words& whole, const Words& part, std::size_t at) {
  const bool about_numbers = std::all_of(part.begin(), part.end(), is_number);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    if (i >= at && i < at + part.size()) continue;
    if (hedges(whole[i])) return "contained, but beside \"" + whole[i] + "\"";
    if (about_numbers && is_number(whole[i])) return "contained, but beside another number";
  }
  return "";
}

Comparison contains(const Words& whole, const Words& part, std::string_view which) {
  const auto at = std::search(whole.begin(), whole.end(), part.begin(), part.end());
  if (at == whole.end()) return {0, "neither contains the other"};
  std::string problem = spoilt(whole, part, static_cast<std::size_t>(at - whole.begin()));
  if (!problem.empty()) return {0, std::move(problem)};
  return {1, whole.size() == part.size() ? "equal" : std::string(which)};
}

// How many words the two have in common, each as often as in both.
std::size_t overlap(const Words& a, const Words& b) {
  std::map<std::string_view, std::size_t> counts;
  for (const std::string& word : b) ++counts[word];
  std::size_t common = 0;
  for (const std::string& word : a) {
    const auto found = counts.find(word);
    if (found == counts.end() || found->second == 0) continue;
    --found->second;
    ++common;
  }
  return common;
}

std::string share(std::size_t common, const Side& answer, const Side& gold) {
  return concat(common, " words in common of ", answer.words.size(), " answered, ", gold.words.size(), " gold");
}

bool is_verdict(const Words& words) { return words.size() == 1 && (words[0] == "yes" || words[0] == "no" || words[0] == "noanswer"); }

}  // namespace

Comparison compare_exactly(std::string_view answer, std::string_view gold) {
  const Side left(answer), right(gold);
  if (left.words.empty() || right.words.empty()) return {0, "empty after normalisation"};
  return compare_exactly(left, right);
}

RewardResult exact_match(const RewardInput& input) {
  return best_over_words(input, [](const Side& answer, const Side& gold) { return compare_exactly(answer, gold); });
}

RewardResult sub_em(const RewardInput& input) {
  return best_over_words(input, [](const Side& answer, const Side& gold) -> Comparison {
    if (are_different_numbers(answer.text, gold.text)) return {0, "different numbers"};
    if (answer.words.size() < gold.words.size()) {
      if (2 * answer.words.size() < gold.words.size()) return {0, "less than half of the gold answer's words"};
      if (std::all_of(answer.words.begin(), answer.words.end(), is_function_word)) return {0, "nothing but little words"};
      return contains(gold.words, answer.words, "the gold answer contains it");
    }
    if (answer.words.size() > kMaxLengthRatio * gold.words.size()) return {0, "too long beside the gold answer"};
    if (count_separators(answer.text) > count_separators(gold.text) + 1) return {0, "a list of candidates"};
    return contains(answer.words, gold.words, "contains the gold answer");
  });
}

RewardResult f1(const RewardInput& input) {
  return best_over_words(input, [](const Side& answer, const Side& gold) -> Comparison {
    if ((is_verdict(answer.words) || is_verdict(gold.words)) && answer.words != gold.words) return {0, "yes, no or noanswer differs"};
    const std::size_t common = overlap(answer.words, gold.words);
    return {2.0 * static_cast<double>(common) / static_cast<double>(answer.words.size() + gold.words.size()), share(common, answer, gold)};
  });
}

RewardResult recall_guarded(const RewardInput& input) {
  return best_over_words(input, [](const Side& answer, const Side& gold) -> Comparison {
    if (answer.words.size() > kMaxLengthRatio * gold.words.size()) return {0, "too long beside the gold answer"};
    const std::size_t common = overlap(answer.words, gold.words);
    return {static_cast<double>(common) / static_cast<double>(gold.words.size()), share(common, answer, gold)};
  });
}

}  // namespace longbow::rewards
