#include "trainer/scorer.h"

#include <algorithm>
#include <chrono>

#include "core/errors.h"
#include "rewards/reward.h"

namespace longbow::trainer {

double overlong_penalty(std::int64_t length, std::int64_t max_length, std::int64_t buffer, double factor) {
  const std::int64_t over = length - (max_length - buffer);
  if (over <= 0 || buffer <= 0) return 0.0;
  return -factor * std::min(1.0, static_cast<double>(over) / static_cast<double>(buffer));
}

Scorer::Scorer(const TrainRecipe& recipe, const data::Tokenizer& tokenizer) : recipe_(recipe), tokenizer_(tokenizer) {
  if (!recipe.reward.command.empty()) {
    command_ = std::make_unique<rewards::RewardCommand>(recipe.reward.command, recipe.reward.command_timeout_ms);
  }
}

GroupScore Scorer::score(data::Group group, const data::Item& item) {
  const auto start = std::chrono::steady_clock::now();
  GroupScore result;
  for (const data::Completion& completion : group.completions) result.texts.push_back(tokenizer_.decode(completion.tokens));
  std::vector<rewards::RewardResult> results;
  if (command_) {
    std::vector<rewards::RewardQuery> queries;
    for (std::size_t i = 0; i < result.texts.size(); ++i) {
      queries.push_back({concat(item.id, "#", i), result.texts[i], item.answer.answers, item.question, item.answer.params});
    }
    results = command_->score(queries);
  } else {
    const rewards::RewardFunction reward = rewards::find_reward(item.answer.reward);
    for (const std::string& text : result.texts) results.push_back(reward({text, item.answer.answers, item.question, item.answer.params}));
  }
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i].score) {
      throw UserError(concat("reward of item '", item.id, "': expected a score, got none (", results[i].reason, ")"));
    }
    const auto length = static_cast<std::int64_t>(group.completions[i].tokens.size());
    result.scored.accuracies.push_back(*results[i].score);
    result.scored.rewards.push_back(*results[i].score + overlong_penalty(length, recipe_.rollout.max_completion_tokens,
                                                                         recipe_.reward.overlong_buffer_tokens,
                                                                         recipe_.reward.overlong_factor));
    result.extracted.push_back(results[i].extracted);
  }
  result.scored.group = std::move(group);
  result.reward_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  return result;
}

}  // namespace longbow::trainer
