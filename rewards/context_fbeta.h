// The reward of an answer that names where in the context its evidence stands.
#pragma once

#include "rewards/reward.h"

namespace longbow::rewards {

/// a + 0.1 F + 0.9 a F, between 0 and 2: a is what params.answer_reward (exact_match by default) says of the answer, F the F-beta score
/// (params.beta, 2 by default) of the chunks named in the completion's one <useful_chunks>…</useful_chunks> against params.chunks (their
/// numbers or names). "<CHUNK_7>", "chunk 7" and "7" name the same; a chunk named twice costs precision. No block, or two: F is 0.
/// Source: Chen et al., LongRLVR (arXiv 2603.02146), the context reward with eta 0.1.
RewardResult context_fbeta(const RewardInput& input);

}  // namespace longbow::rewards
