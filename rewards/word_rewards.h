// Rewards that compare words after normalisation: equality, containment, F1 and recall, each guarded against what games it.
#pragma once

#include "rewards/answer_reward.h"
#include "rewards/reward.h"

namespace longbow::rewards {

/// How many times the gold answer's words an answer may have before containment and recall call it a dump.
inline constexpr std::size_t kMaxLengthRatio = 3;

/// What exact_match says of one answer and one gold answer.
Comparison compare_exactly(std::string_view answer, std::string_view gold);

/// 1 when the normalised texts are equal. As punctuation is content in numbers, two plain numbers must be equal too (1.5 is not 15).
RewardResult exact_match(const RewardInput& input);

/// Two-way containment of whole words: the gold in an answer of at most kMaxLengthRatio times its words, or an answer of at least half the
/// gold's words in the gold. An answer in the gold must hold a word beyond "of" and "in". 0 when what is left over hedges ("or", "not",
/// "and", "but" …), lists (two commas) or, beside a gold number, holds more numbers. Source: LoongRL (arXiv 2510.19363), two-way substring
/// exact match; the guards are ours.
RewardResult sub_em(const RewardInput& input);

/// F1 over words with their counts; 0 when one side is yes, no or noanswer and the other is not the same. Source: HotpotQA's
/// evaluation script (Yang et al., arXiv 1809.09600).
RewardResult f1(const RewardInput& input);

/// The share of the gold's words that the answer holds; 0 for an answer of more than kMaxLengthRatio times the gold's words.
RewardResult recall_guarded(const RewardInput& input);

}  // namespace longbow::rewards
