// The reward of multiple-choice questions: one letter, said where an answer is said.
#pragma once

#include "rewards/reward.h"

namespace longbow::rewards {

/// 1 when the answer's letter (A to J) is the gold's. The letter leads the box, the tag or what follows "the answer is"; in free text it
/// leads what follows the last "answer is" or "answer:" that names one, else the last "correct option is" or "best choice is", or a text of
/// at most 300 bytes. "(B)", "B.", "B) Paris", "option B" and "\text{B}" are letters; a word's first letter is not. A second letter offered
/// beside it, or "maybe", makes it 0.
RewardResult multiple_choice(const RewardInput& input);

}  // namespace longbow::rewards
