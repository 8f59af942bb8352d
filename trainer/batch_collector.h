// Collects the groups of one training step: asks for prompts, waits for workers, scores, replaces groups that teach nothing
// (dynamic sampling) or came too late (staleness), and hands them over in the order of their prompt_idx.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "data/prompt_source.h"
#include "trainer/learner_server.h"
#include "trainer/scorer.h"

namespace longbow::trainer {

struct CollectedBatch {
  std::vector<GroupScore> groups;   // prompts_per_step of them, by prompt_idx
  std::int64_t dropped_groups = 0;  // zero spread, replaced by fresh prompts
  std::int64_t stale_groups = 0;    // older than max_off_policy_steps, asked for again
};

class BatchCollector {
 public:
  BatchCollector(const TrainRecipe& recipe, std::int32_t stop_token, data::PromptSource& source, LearnerServer& server, Scorer& scorer,
                 std::function<void()> on_wait);

  /// Queues the prompts of `step` unless that was done before.
  void request(std::int64_t step);

  /// Waits until step's groups are complete. `policy_version` is that of the weights about to be trained.
  /// Throws UserError when no worker is heard from for start_timeout_ms, or dynamic sampling runs out of refills.
  CollectedBatch collect(std::int64_t step, std::int64_t policy_version);

  /// The prompt source's state as it was before it gave out the prompts of `step`, for a checkpoint taken after step - 1.
  Json source_state_before(std::int64_t step) const;

 private:
  struct Pending {  // what the items were, by prompt_idx
    std::map<std::int64_t, const data::Item*> items;
    std::map<std::int64_t, GroupScore> kept;
    std::int64_t refills = 0;
    std::int64_t next_prompt_idx = 0;
  };

  void submit(std::int64_t step, std::int64_t count);
  void accept(data::Group group, std::int64_t policy_version, std::int64_t collecting_step, CollectedBatch& batch);
  void refill(std::int64_t step, CollectedBatch& batch);
  void check_workers_alive(std::int64_t waited_ms) const;

  const TrainRecipe& recipe_;
  std::int32_t stop_token_;
  data::PromptSource& source_;
  LearnerServer& server_;
  Scorer& scorer_;
  std::function<void()> on_wait_;
  std::map<std::int64_t, Pending> pending_;     // by step
  std::map<std::int64_t, Json> source_states_;  // by step
};

}  // namespace longbow::trainer
