// Gates: what a completion must be like whatever it answers, and how a judge's verdict is read.
#pragma once

#include "rewards/reward.h"

namespace longbow::rewards {

/// 1 when the completion has the form asked for. Always: at most one `</think>` and no thinking left open. `params.think: "required"`:
/// some thinking before exactly one `</think>`. `params.answer: "boxed" | "tag"`: a closed, non-empty `\boxed{…}` or `<answer>…</answer>`
/// after it.
RewardResult format(const RewardInput& input);

/// 0 when the completion holds a degenerate loop: at least 512 bytes that repeat one period at least 6 times, anywhere for periods up to
/// 682 bytes (loops of 1 KiB or more are certain to be seen), at the end up to 10 KiB; else 1. Cost: linear.
RewardResult repetition(const RewardInput& input);

/// DAPO's soft overlong penalty: 0 up to params.max_len - params.buffer, then linear to -1 at max_len, for params.length, all in
/// tokens. Source: Yu et al., DAPO (arXiv 2503.14476), equation 13.
RewardResult overlong(const RewardInput& input);

/// A judge's answer: 1 for exactly one [[YES]] and no [[NO]], 0 for exactly one [[NO]] and no [[YES]], else missing. With
/// `params.format: "correct_incorrect"` the words CORRECT and INCORRECT, in capitals. Only what follows the judge's own thinking counts.
RewardResult judge_parse(const RewardInput& input);

}  // namespace longbow::rewards
