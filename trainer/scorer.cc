#include "trainer/scorer.h"

#include <algorithm>

#include "core/clock.h"
#include "core/errors.h"
#include "core/log.h"
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
  } else if (recipe.reward.judge) {
    judge_ = std::make_unique<rewards::Judge>(*recipe.reward.judge);
  }
}

std::vector<rewards::RewardResult> Scorer::results_of(const std::vector<std::string>& texts, const data::Item& item) {
  if (command_ || (judge_ && item.answer.reward == rewards::kJudgeReward)) {
    std::vector<rewards::RewardQuery> queries;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      queries.push_back({concat(item.id, "#", i), texts[i], item.answer.answers, item.question, item.answer.params});
    }
    return command_ ? command_->score(queries) : judge_->score(queries);
  }
  const rewards::RewardFunction reward = rewards::find_reward(item.answer.reward);
  std::vector<rewards::RewardResult> results;
  for (const std::string& text : texts) {
    const Stopwatch clock;
    results.push_back(reward({text, item.answer.answers, item.question, item.answer.params}));
    results.back().seconds = clock.seconds();
  }
  return results;
}

void Scorer::name_slow(const std::vector<rewards::RewardResult>& results, const data::Item& item) const {
  const auto slowest = std::max_element(results.begin(), results.end(), [](const auto& a, const auto& b) { return a.seconds < b.seconds; });
  if (slowest == results.end() || 1e3 * slowest->seconds <= static_cast<double>(recipe_.reward.slow_ms)) return;
  log_warning(concat("slow reward: completion ", slowest - results.begin(), " of item '", item.id, "' took ",
                     format_duration(slowest->seconds), " to score"));
}

GroupScore Scorer::score(data::Group group, const data::Item& item) {
  const Stopwatch clock;
  GroupScore result;
  for (const data::Completion& completion : group.completions) result.texts.push_back(tokenizer_.decode(completion.tokens));
  const std::vector<rewards::RewardResult> results = results_of(result.texts, item);
  name_slow(results, item);
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
  result.reward_ms = 1e3 * clock.seconds();
  return result;
}

}  // namespace longbow::trainer
