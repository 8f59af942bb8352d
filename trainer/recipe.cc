#include "trainer/recipe.h"

#include "core/errors.h"

namespace longbow::trainer {

void validate(const TrainRecipe& recipe) {
  validate(recipe.algorithm.loss);
  const RolloutSection& rollout = recipe.rollout;
  if (rollout.top_p != 1.0 || rollout.top_k != 0 || rollout.min_p != 0.0) {
    throw UserError("/rollout: expected top_p 1, top_k 0 and min_p 0 for training, got truncated sampling",
                    "the trainer's probabilities are of the whole vocabulary; shape the distribution with temperature");
  }
  const AlgorithmSection& algorithm = recipe.algorithm;
  if (algorithm.prompts_per_step % algorithm.mini_batches != 0) {
    throw UserError(concat("/algorithm/mini_batches: expected a divisor of prompts_per_step (", algorithm.prompts_per_step, "), got ",
                           algorithm.mini_batches));
  }
  const RewardSection& reward = recipe.reward;
  if (reward.overlong_factor > 0 && (reward.overlong_buffer_tokens <= 0 || reward.overlong_buffer_tokens > rollout.max_completion_tokens)) {
    throw UserError(concat("/reward/overlong_buffer_tokens: expected 1 to max_completion_tokens (", rollout.max_completion_tokens,
                           "), got ", reward.overlong_buffer_tokens));
  }
  if (rollout.heartbeat_ms * 2 > rollout.lease_timeout_ms) {
    throw UserError(concat("/rollout/lease_timeout_ms: expected at least two heartbeats (", 2 * rollout.heartbeat_ms, "), got ",
                           rollout.lease_timeout_ms));
  }
}

}  // namespace longbow::trainer
