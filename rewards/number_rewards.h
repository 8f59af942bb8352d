// Rewards for numbers and codes, where one wrong sign, digit or power of ten is a wrong answer.
#pragma once

#include "rewards/reward.h"

namespace longbow::rewards {

/// 1 when the answer states the gold number, exactly or within `params.rel_tol` (of the gold's size, sign included). The answer is a number
/// or one short sentence with one number in it. Unlike DocMath-Eval's metric, signs and powers of ten count.
RewardResult numeric(const RewardInput& input);

/// 1 when both sides are the same rational number, or, where neither is a number, the same expression after plain_math, without its
/// spaces. Nothing is evaluated beyond fractions, percent and powers of ten; a zero denominator equals nothing.
RewardResult math(const RewardInput& input);

/// 1 when the answer holds exactly one code (a word with a digit in it, hyphens inside allowed) and that is the gold code, in any case.
RewardResult key_code(const RewardInput& input);

}  // namespace longbow::rewards
