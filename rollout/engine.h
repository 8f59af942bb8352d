// Group sampling: submit prompts, call step() until their groups come out. Each prompt is prefilled once and all its
// completions decode over that one prefix; groups of different ages share each forward pass.
// A group's tokens and log-probabilities are the same bits alone or among others, for any prefill chunk and thread count.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/thread_pool.h"
#include "model/transformer.h"
#include "rollout/sampler.h"
#include "rollout/scheduler.h"

namespace longbow::rollout {

struct FinishedGroup {
  data::Group group;
  double prefill_ms = 0;  // from the group's start to its first tokens
  double decode_ms = 0;   // from there to the last token
};

/// Work done so far, for throughput.
struct EngineCounters {
  std::int64_t steps = 0;
  std::int64_t prefill_tokens = 0;
  std::int64_t decode_tokens = 0;  // tokens sampled
  double prefill_ms = 0;           // of steps with both, rows share the time
  double decode_ms = 0;
};

class Engine {
 public:
  /// `model` holds the weights of `policy_version` and must outlive the engine, which rewrites it when weights change.
  Engine(ThreadPool& pool, model::PackedModel& model, EngineConfig config, std::int64_t policy_version = 0);

  /// Queues a group. Throws UserError for one that could never run (see Scheduler::submit).
  void submit(GroupRequest request);

  /// Runs one forward pass over everything that is due and returns the groups that it finished. Does nothing when idle.
  /// Throws UserError when the model gives logits that are not finite.
  std::vector<FinishedGroup> step();

  /// New weights. Groups that run now end with the weights they began with (their prefix was computed by them);
  /// none starts until the new ones are in place. A later call replaces weights that still wait.
  void swap_weights(std::int64_t policy_version, model::WeightValues values);

  /// Ends what is left of a group with finish_reason abort; the next step() returns it.
  bool abort(std::uint64_t lease_id) { return scheduler_.abort(lease_id); }
  /// Drops one group, running or waiting, without a result; false when there is no such lease.
  bool forget(std::uint64_t lease_id) { return scheduler_.forget(lease_id); }
  /// Drops all groups.
  void clear() { scheduler_.clear(); }

  std::int64_t policy_version() const { return policy_version_; }
  std::int64_t num_groups() const { return scheduler_.num_running() + scheduler_.num_waiting(); }
  bool is_idle() const { return num_groups() == 0; }
  std::vector<std::uint64_t> lease_ids() const { return scheduler_.lease_ids(); }
  const EngineCounters& counters() const { return counters_; }

 private:
  struct PendingWeights {
    std::int64_t policy_version;
    model::WeightValues values;
  };
  /// A completion whose next token comes from row `logits_row` of the step's logits.
  struct Draw {
    RunningGroup* group;
    std::int64_t sample_idx;
    std::int64_t logits_row;
  };
  /// A prompt that ends in this step, or has ended before: its last row's logits go into the prefix, or come from there.
  struct PromptLogits {
    RunningGroup* group;
    std::int64_t logits_row;
  };

  void install_pending_weights();
  void run_forward();
  void draw_first_tokens(RunningGroup& group, std::int64_t logits_row);
  void compute_logits();
  void sample();
  void commit(const Draw& draw, std::int32_t token, float logprob);

  ThreadPool& pool_;
  model::PackedModel& model_;
  Scheduler scheduler_;
  std::int64_t policy_version_;
  std::optional<PendingWeights> pending_weights_;
  EngineCounters counters_;

  // Scratch of a step, kept between steps.
  StepPlan plan_;
  StepContext context_;
  std::vector<std::int32_t> tokens_;
  std::vector<std::int32_t> position_ids_;
  std::vector<Draw> draws_;
  std::vector<PromptLogits> new_prompts_, known_prompts_;
  std::vector<SampledToken> sampled_;      // [draws_]
  std::vector<std::int32_t> wanted_rows_;  // rows of the step whose hidden states and logits are computed
  std::vector<float> inv_temperatures_;    // [wanted_rows_, then known_prompts_], as logits_ and lse_
  kernels::Buffer<float> hidden_;          // [wanted_rows_, hidden]
  kernels::Buffer<float> logits_;
  kernels::Buffer<float> lse_;
  std::vector<std::vector<std::int32_t>> sampler_scratch_;  // a thread
};

}  // namespace longbow::rollout
