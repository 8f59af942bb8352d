#include "trainer/recipe.h"

#include <set>

#include "core/errors.h"

namespace longbow::trainer {

std::int64_t largest_group_bytes(const TrainRecipe& recipe) {
  constexpr std::int64_t kFixed = std::int64_t{16} << 10;  // envelope, item id, task
  constexpr std::int64_t kToken = sizeof(std::int32_t) + sizeof(float), kCompletion = 64;
  const RolloutSection& rollout = recipe.rollout;
  return kFixed + static_cast<std::int64_t>(sizeof(std::int32_t)) * recipe.data.max_prompt_tokens +
         rollout.group_size * (kCompletion + kToken * rollout.max_completion_tokens);
}

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
  if (!reward.command.empty() && reward.judge) {
    throw UserError("/reward: expected a command or a judge, got both", "the command scores every item; it may ask a judge itself");
  }
  if (reward.overlong_factor == 0 && reward.overlong_buffer_tokens > 0) {
    throw UserError(concat("/reward/overlong_factor: expected a value above 0 beside overlong_buffer_tokens (",
                           reward.overlong_buffer_tokens, "), got 0"));
  }
  if (reward.overlong_factor > 0 && (reward.overlong_buffer_tokens <= 0 || reward.overlong_buffer_tokens > rollout.max_completion_tokens)) {
    throw UserError(concat("/reward/overlong_buffer_tokens: expected 1 to max_completion_tokens (", rollout.max_completion_tokens,
                           "), got ", reward.overlong_buffer_tokens));
  }
  if (rollout.heartbeat_ms * 2 > rollout.lease_timeout_ms) {
    throw UserError(concat("/rollout/lease_timeout_ms: expected at least two heartbeats (", 2 * rollout.heartbeat_ms, "), got ",
                           rollout.lease_timeout_ms));
  }
  if (const std::int64_t bytes = largest_group_bytes(recipe); bytes > kMaxGroupBytes) {
    throw UserError(
        concat("/rollout: expected a group of at most ", kMaxGroupBytes >> 20, " MiB on the wire, got up to ", (bytes >> 20) + 1, " MiB"),
        "lower group_size or max_completion_tokens");
  }
  std::set<std::string> tasks;
  for (std::size_t i = 0; i < recipe.data.task_weights.size(); ++i) {
    const std::string& task = recipe.data.task_weights[i].task;
    if (!tasks.insert(task).second)
      throw UserError(concat("/data/task_weights/", i, "/task: expected a task once, got '", task, "' again"));
  }
}

}  // namespace longbow::trainer
