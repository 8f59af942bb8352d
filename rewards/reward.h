// Scoring an answer: every reward by its name, pure, bounded in time, never throwing on what a model wrote.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace longbow::rewards {

struct RewardInput {
  std::string_view prediction;              // the completion's text
  const std::vector<std::string>& answers;  // gold and aliases
  std::string_view question;
  const Json& params;
};

struct RewardResult {
  std::optional<double> score;  // nullopt: missing (a judge or command that failed), never a silent 0
  std::string extracted;        // what was compared
  std::string reason;           // why this score, one short line
  double seconds = 0;           // that judge or command took for it; 0 where the caller measures
};

using RewardFunction = RewardResult (*)(const RewardInput&);

/// The reward called `name`; throws UserError with a "did you mean" otherwise.
RewardFunction find_reward(std::string_view name);
std::vector<std::string> reward_names();
/// Throws UserError when there is no reward of that name or it cannot take `params`: what is wrong with an item is found before it is
/// asked.
void check_reward(std::string_view name, const std::vector<std::string>& answers, const Json& params);
/// Whether that reward needs a gold answer to compare with; gates and verdicts do not, and a set of answers may be empty.
bool reward_needs_answers(std::string_view name);

}  // namespace longbow::rewards
