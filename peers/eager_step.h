// One GRPO training step as programs on eager LibTorch write it, to be measured beside ours: every completion carries its own copy of
// the prompt, attention is SDPA with masks, and logits of the completions go through log_softmax.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace longbow::peers {

/// `size`: layers, hidden, intermediate, heads, kv heads, head_dim, vocabulary, window, full_every, prompt, completion, group, and how
/// many of the group's sequences go through the model at once. The returned body runs forward, loss and backward of that many, and
/// AdamW, and returns the seconds of a whole step: the passes counted for the whole group, which differ in nothing but their tokens.
/// bf16 products, f32 master weights and moments.
std::function<double()> eager_grpo_step(const std::vector<std::int64_t>& size);

}  // namespace longbow::peers
