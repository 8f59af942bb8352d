// What every reward of an answer does around its own comparison: extract, compare with each alias, keep the best.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "rewards/extract.h"
#include "rewards/reward.h"

namespace longbow::rewards {

struct Comparison {
  double score = 0;
  std::string reason;
};

/// `text` as a result shows it: at most kMaxShownBytes, cut between characters.
inline constexpr std::size_t kMaxShownBytes = 2000;
std::string shown(std::string_view text);

/// `read(extraction)` says once what the answer is, `compare(that, gold)` gives a Comparison with each of `golds`; the best is the result,
/// the first on a tie.
template <class Golds, class Read, class Compare>
RewardResult best_over(const RewardInput& input, const Golds& golds, Read read, Compare compare) {
  const Extraction extraction = extract_answer(input.prediction);
  if (!extraction.failure.empty()) return {0.0, "", extraction.failure};
  if (extraction.text.empty()) return {0.0, "", "no answer"};
  const auto answer = read(extraction);
  Comparison best{-1, "no gold answer to compare with"};
  for (const auto& gold : golds) {
    Comparison comparison = compare(answer, gold);
    if (comparison.score > best.score) best = std::move(comparison);
    if (best.score == 1) break;
  }
  return {best.score < 0 ? 0 : best.score, shown(extraction.text), std::move(best.reason)};
}

/// The same over the gold answer and its aliases, as strings.
template <class Read, class Compare>
RewardResult best_over_answers(const RewardInput& input, Read read, Compare compare) {
  return best_over(input, input.answers, read, compare);
}

}  // namespace longbow::rewards
