#include "rewards/word_rewards.h"

#include <algorithm>
#include <map>

#include "rewards/normalize.h"
#include "rewards/number_reader.h"
#include "rewards/plain_math.h"

namespace longbow::rewards {
namespace {

using Words = std::vector<std::string>;

// Both sides in words, or why they cannot be compared.
struct Sides {
  Words answer, gold;
  std::string problem;
};

// "\\text{New York}" in a box says "New York"; a no-break space groups digits and parts words.
Words words_of(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return normalized_words(text);
  std::string plain = plain_math(text);
  for (std::size_t at = 0; at < plain.size(); ++at) {
    const auto digit = [&](std::size_t i) { return i < plain.size() && plain[i] >= '0' && plain[i] <= '9'; };
    if (plain[at] == kThinSpace && !(at > 0 && digit(at - 1) && digit(at + 1))) plain[at] = ' ';
  }
  return normalized_words(plain);
}

Sides normalized(std::string_view answer, std::string_view gold) {
  Sides sides{words_of(answer), words_of(gold), ""};
  if (sides.answer.empty()) sides.problem = "the answer is empty after normalisation";
  if (sides.gold.empty()) sides.problem = "the gold answer is empty after normalisation";
  return sides;
}

bool is_number(const std::string& word) {
  return std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool hedges(const std::string& word) {
  static constexpr std::string_view kHedges[] = {"or",     "and",     "not",    "no",     "nor",      "neither", "never",
                                                 "either", "without", "except", "unless", "possibly", "maybe",   "perhaps"};
  return std::find(std::begin(kHedges), std::end(kHedges), word) != std::end(kHedges);
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

std::string share(std::size_t common, const Sides& sides) {
  return std::to_string(common) + " words in common of " + std::to_string(sides.answer.size()) + " answered, " +
         std::to_string(sides.gold.size()) + " gold";
}

bool is_verdict(const Words& words) { return words.size() == 1 && (words[0] == "yes" || words[0] == "no" || words[0] == "noanswer"); }

}  // namespace

Comparison compare_exactly(std::string_view answer, std::string_view gold) {
  const Sides sides = normalized(answer, gold);
  if (!sides.problem.empty()) return {0, sides.problem};
  if (sides.answer != sides.gold) return {0, "not equal"};
  if (are_different_numbers(answer, gold)) return {0, "different numbers"};
  return {1, "equal"};
}

RewardResult exact_match(const RewardInput& input) {
  return best_over_answers(input,
                           [](const Extraction& extraction, std::string_view gold) { return compare_exactly(extraction.text, gold); });
}

RewardResult sub_em(const RewardInput& input) {
  return best_over_answers(input, [](const Extraction& extraction, std::string_view gold) -> Comparison {
    const Sides sides = normalized(extraction.text, gold);
    if (!sides.problem.empty()) return {0, sides.problem};
    if (are_different_numbers(extraction.text, gold)) return {0, "different numbers"};
    if (sides.answer.size() < sides.gold.size()) {
      if (2 * sides.answer.size() < sides.gold.size()) return {0, "less than half of the gold answer's words"};
      return contains(sides.gold, sides.answer, "the gold answer contains it");
    }
    if (sides.answer.size() > kMaxLengthRatio * sides.gold.size()) return {0, "too long beside the gold answer"};
    if (count_separators(extraction.text) > count_separators(gold) + 1) return {0, "a list of candidates"};
    return contains(sides.answer, sides.gold, "contains the gold answer");
  });
}

RewardResult f1(const RewardInput& input) {
  return best_over_answers(input, [](const Extraction& extraction, std::string_view gold) -> Comparison {
    const Sides sides = normalized(extraction.text, gold);
    if (!sides.problem.empty()) return {0, sides.problem};
    if ((is_verdict(sides.answer) || is_verdict(sides.gold)) && sides.answer != sides.gold) return {0, "yes, no or noanswer differs"};
    const std::size_t common = overlap(sides.answer, sides.gold);
    return {2.0 * static_cast<double>(common) / static_cast<double>(sides.answer.size() + sides.gold.size()), share(common, sides)};
  });
}

RewardResult recall_guarded(const RewardInput& input) {
  return best_over_answers(input, [](const Extraction& extraction, std::string_view gold) -> Comparison {
    const Sides sides = normalized(extraction.text, gold);
    if (!sides.problem.empty()) return {0, sides.problem};
    if (sides.answer.size() > kMaxLengthRatio * sides.gold.size()) return {0, "too long beside the gold answer"};
    const std::size_t common = overlap(sides.answer, sides.gold);
    return {static_cast<double>(common) / static_cast<double>(sides.gold.size()), share(common, sides)};
  });
}

}  // namespace longbow::rewards
