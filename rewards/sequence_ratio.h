// How much of a text is repeated word for word: the similarity ratio of Python's difflib, and the reward made of it.
#pragma once

#include <string_view>

#include "rewards/reward.h"

namespace longbow::rewards {

/// difflib.SequenceMatcher(None, a, b).ratio(), autojunk on, over code points: twice the code points in matching blocks over all of both;
/// 1 for two empty texts. Bytes that are no UTF-8 count as one U+FFFD each. Cost: for each matching block, the length of a times how often
/// a code point that is not too frequent (1% of b from 200 on) stands in b. Source: the standard library's documentation of difflib.
double sequence_ratio(std::string_view a, std::string_view b);

/// sequence_ratio of answer and gold, both without params.prefix, for an answer that starts with it; 0 for any other. The answer is what
/// follows the thinking, from its first visible character on; without thinking, the text as it is. An answer more than
/// kMaxSequenceRatio times as long as the gold scores 0: its ratio could not pass 0.23. Source: MRCR (openai/mrcr), grading.
inline constexpr std::size_t kMaxSequenceRatio = 8;
RewardResult sequence_ratio_reward(const RewardInput& input);

}  // namespace longbow::rewards
