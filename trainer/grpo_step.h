// One GRPO training step on scored groups: advantages, prompt-once passes, loss, and the optimizer's updates. It knows
// nothing of networks or files, so tests drive it directly.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/trajectory.h"
#include "trainer/loss.h"
#include "trainer/optimizer.h"
#include "trainer/policy.h"
#include "trainer/recipe.h"

namespace longbow::trainer {

/// A group with its rewards, one per completion.
struct ScoredGroup {
  data::Group group;
  std::vector<double> rewards;     // what training sees (shaped by the overlong penalty)
  std::vector<double> accuracies;  // what the reward alone said; filters and reports see these
};

struct StepReport {
  LossSums sums;         // over the whole step
  double entropy = 0;    // mean over tokens, nats
  double grad_norm = 0;  // of the last update, before clipping
  double learning_rate = 0;
  std::int64_t zero_spread_groups = 0;
  std::int64_t skipped_updates = 0;  // gradients that were not finite
  std::int64_t trained_rows = 0;     // rows forwarded with the prompt once
  std::int64_t repeated_rows = 0;    // rows that repeating the prompt would have cost
  bool has_ref_kl = false;
};

struct StepOptions {
  std::int64_t step = 0;
  bool with_ref_kl = false;  // score the reference too; needs `reference`
};

/// Trains `policy` on `groups`, which stand in the order of their prompt_idx. `reference` may be null where no KL is wanted.
/// Deterministic: the result depends on the groups, their order and the weights only.
/// Throws UserError for a group of one.
StepReport grpo_step(const TrainRecipe& recipe, Policy& policy, Policy* reference, Optimizer& optimizer,
                     const std::vector<ScoredGroup>& groups, const StepOptions& options);

}  // namespace longbow::trainer
