// From completions to rewards: decodes the tokens, asks the item's own reward or the user's command, and shapes overlong answers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/item.h"
#include "data/tokenizer.h"
#include "data/trajectory.h"
#include "rewards/judge.h"
#include "rewards/reward_command.h"
#include "trainer/grpo_step.h"
#include "trainer/recipe.h"

namespace longbow::trainer {

struct GroupScore {
  ScoredGroup scored;
  std::vector<std::string> texts;      // the completions, decoded
  std::vector<std::string> extracted;  // what was compared
  double reward_ms = 0;
};

class Scorer {
 public:
  /// Starts the reward command or the judge when the recipe names one. `tokenizer` must outlive this.
  Scorer(const TrainRecipe& recipe, const data::Tokenizer& tokenizer);

  /// Scores every completion of `group`; names the slowest in the log when it took longer than reward.slow_ms. Throws UserError when the
  /// command fails or a score stays missing: a missing score is never a silent 0.
  GroupScore score(data::Group group, const data::Item& item);

 private:
  std::vector<rewards::RewardResult> results_of(const std::vector<std::string>& texts, const data::Item& item);
  void name_slow(const std::vector<rewards::RewardResult>& results, const data::Item& item) const;

  const TrainRecipe& recipe_;
  const data::Tokenizer& tokenizer_;
  std::unique_ptr<rewards::RewardCommand> command_;
  std::unique_ptr<rewards::Judge> judge_;
};

/// DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13): 0 up to max_len - buffer, then linear to -factor at max_len.
double overlong_penalty(std::int64_t length, std::int64_t max_length, std::int64_t buffer, double factor);

}  // namespace longbow::trainer
