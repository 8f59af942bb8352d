// Which groups run, and which rows the next step computes: continuous batching over groups. Groups start in the order in
// which they came, while their caches fit the memory budget; prompts are prefilled in chunks beside the decode rows. A prompt that
// was prefilled before, by the same weights, begins at once: finished groups leave their prefix for as long as its memory is not wanted.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "data/protocol.h"
#include "rollout/kv_cache.h"

namespace longbow::rollout {

struct EngineConfig {
  std::int64_t max_concurrent_groups = 2;
  std::int64_t prefill_chunk = 256;  // prompt rows a step, over all groups
  std::int64_t kv_budget_bytes = std::int64_t{2} << 30;
};

/// A prompt to answer group_size times; `prompt.step` and `prompt.prompt_idx` key the random choices together with sampling.seed.
struct GroupRequest {
  std::uint64_t lease_id = 0;
  data::Prompt prompt;
  std::int32_t group_size = 1;
  data::SamplingParams sampling;
  /// Called with a completion's tokens after each new one; returning true ends it with finish_reason stop. May be empty.
  std::function<bool(std::int64_t sample_idx, std::span<const std::int32_t> tokens)> on_token;
};

using Clock = std::chrono::steady_clock;

/// A group that holds a cache.
struct RunningGroup {
  /// `prefix` null: the prompt is to be prefilled.
  RunningGroup(GroupRequest from, const model::ModelConfig& config, kernels::DType kv_dtype, std::int64_t prefill_chunk,
               const std::shared_ptr<PromptPrefix>& prefix);

  bool is_prefilled() const { return prefilled_tokens == static_cast<std::int64_t>(request.prompt.tokens.size()); }
  bool is_finished() const { return num_finished == request.group_size; }
  /// Began with a prefix that was there already, whose logits give its completions their first tokens.
  bool awaits_first_tokens() const { return cache.shared_prefix()->is_complete() && !has_first_tokens && !is_finished(); }
  /// Ends a completion and frees its suffix.
  void finish(std::int64_t sample_idx, data::FinishReason reason);

  GroupRequest request;
  GroupCache cache;
  std::int64_t reserved_bytes = 0;  // group_cache_bytes: what admission counted
  std::int64_t prefilled_tokens = 0;
  std::vector<data::Completion> completions;  // [group_size]
  std::vector<bool> finished;                 // [group_size]
  std::int32_t num_finished = 0;
  bool has_first_tokens = false;
  Clock::time_point started;
  Clock::time_point decode_started;
};

/// Prompt rows [first, first + num_rows) of a group, computed in this step.
struct PrefillChunk {
  RunningGroup* group = nullptr;
  std::int64_t first = 0;
  std::int64_t num_rows = 0;
};
struct DecodeRow {
  RunningGroup* group = nullptr;
  std::int64_t sample_idx = 0;
};
struct StepPlan {
  std::vector<PrefillChunk> prefill;
  std::vector<DecodeRow> decode;
  std::vector<RunningGroup*> first_tokens;  // groups that began with a prefix that was there already
  bool empty() const { return prefill.empty() && decode.empty() && first_tokens.empty(); }
};

class Scheduler {
 public:
  Scheduler(const model::ModelConfig& config, kernels::DType kv_dtype, EngineConfig limits);

  /// Queues a group. Throws UserError for one that could never run: its cache exceeds the whole budget, or the request is not valid.
  void submit(GroupRequest request);
  /// Starts waiting groups while slots and memory last.
  void admit();
  /// Every unfinished completion decodes one row; the rest of the step's rows, up to prefill_chunk, prefill the oldest prompts.
  /// Written into `plan`, whose memory is used again.
  void plan(StepPlan& plan) const;
  /// Removes and returns the groups that are finished.
  std::vector<std::unique_ptr<RunningGroup>> take_finished();

  /// Ends what is left of a group with finish_reason abort; a waiting group starts first. False when there is no such lease.
  bool abort(std::uint64_t lease_id);
  /// Drops one group, running or waiting; false when there is no such lease.
  bool forget(std::uint64_t lease_id);
  /// Drops every group, and every prefix.
  void clear();
  /// Drops the prefixes that were kept for prompts to come: the weights that made them are gone.
  void forget_prefixes() { kept_prefixes_.clear(); }

  std::int64_t num_running() const { return static_cast<std::int64_t>(running_.size()); }
  std::int64_t num_waiting() const { return static_cast<std::int64_t>(waiting_.size()); }
  std::int64_t reserved_bytes() const { return reserved_bytes_; }
  std::int64_t num_kept_prefixes() const { return static_cast<std::int64_t>(kept_prefixes_.size()); }
  std::vector<std::uint64_t> lease_ids() const;

 private:
  std::int64_t bytes_of(const GroupRequest& request) const;
  void start(GroupRequest request);
  std::shared_ptr<PromptPrefix> find_prefix(const std::vector<std::int32_t>& tokens);
  void keep_prefix(const RunningGroup& group);
  void make_room();

  const model::ModelConfig& config_;
  kernels::DType kv_dtype_;
  EngineConfig limits_;
  std::deque<GroupRequest> waiting_;
  std::vector<std::unique_ptr<RunningGroup>> running_;  // in the order of admission
  std::int64_t reserved_bytes_ = 0;
  struct KeptPrefix {
    std::vector<std::int32_t> tokens;
    std::shared_ptr<PromptPrefix> prefix;
    std::int64_t bytes;
  };
  std::deque<KeptPrefix> kept_prefixes_;  // of finished groups, the one used last at the end; at most max_concurrent_groups
};

}  // namespace longbow::rollout
