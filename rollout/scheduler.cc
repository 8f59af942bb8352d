#include "rollout/scheduler.h"

#include <algorithm>

#include "core/errors.h"
#include "rollout/sampler.h"

namespace longbow::rollout {
namespace {

GroupCacheShape cache_shape(const GroupRequest& request, std::int64_t prefill_chunk) {
  return {static_cast<std::int64_t>(request.prompt.tokens.size()), request.group_size, request.sampling.max_completion_tokens,
          prefill_chunk};
}

double ms_since(Clock::time_point start) { return std::chrono::duration<double, std::milli>(Clock::now() - start).count(); }

}  // namespace

RunningGroup::RunningGroup(GroupRequest from, const model::ModelConfig& config, kernels::DType kv_dtype, std::int64_t prefill_chunk,
                           const std::shared_ptr<PromptPrefix>& prefix)
    : request(std::move(from)),
      cache(config, kv_dtype, cache_shape(request, prefill_chunk), prefix),
      prefilled_tokens(prefix ? static_cast<std::int64_t>(request.prompt.tokens.size()) : 0),
      completions(request.group_size),
      finished(request.group_size, false),
      started(Clock::now()),
      decode_started(started) {
  // Room for a whole completion, so that no token allocates; beyond this many a few do.
  const std::int64_t expected = std::min<std::int64_t>(request.sampling.max_completion_tokens, 1 << 14);
  for (std::int32_t i = 0; i < request.group_size; ++i) {
    completions[i].sample_idx = i;
    completions[i].tokens.reserve(expected);
    completions[i].rollout_logprobs.reserve(expected);
  }
}

void RunningGroup::finish(std::int64_t sample_idx, data::FinishReason reason) {
  LONGBOW_CHECK(!finished[sample_idx]);
  finished[sample_idx] = true;
  ++num_finished;
  completions[sample_idx].finish_reason = reason;
  completions[sample_idx].generation_ms = ms_since(decode_started);
  cache.release_suffix(sample_idx);
}

Scheduler::Scheduler(const model::ModelConfig& config, kernels::DType kv_dtype, EngineConfig limits)
    : config_(config), kv_dtype_(kv_dtype), limits_(limits) {
  LONGBOW_CHECK_GE(limits.max_concurrent_groups, 1);
  LONGBOW_CHECK_GE(limits.prefill_chunk, 1);
}

std::int64_t Scheduler::bytes_of(const GroupRequest& request) const {
  return group_cache_bytes(config_, kv_dtype_, cache_shape(request, limits_.prefill_chunk));
}

void Scheduler::submit(GroupRequest request) {
  if (request.prompt.tokens.empty()) throw UserError("prompt: expected at least one token, got none");
  const std::int64_t largest = data::CodecLimits{}.max_group_size;  // of what can be handed over, and counted in bytes
  if (request.group_size < 1 || request.group_size > largest) {
    throw UserError(concat("group: expected 1 to ", largest, " completions, got ", request.group_size));
  }
  validate(request.sampling);
  for (const std::int32_t token : request.prompt.tokens) {
    if (token < 0 || token >= config_.vocab_size) {
      throw UserError(concat("prompt: expected token ids in [0, ", config_.vocab_size, "), got ", token));
    }
  }
  const std::int64_t bytes = bytes_of(request);
  if (bytes > limits_.kv_budget_bytes) {
    throw UserError(concat("KV cache: a prompt of ", request.prompt.tokens.size(), " tokens with ", request.group_size, " completions of ",
                           request.sampling.max_completion_tokens, " needs ", (bytes >> 20) + 1, " MiB, expected at most ",
                           limits_.kv_budget_bytes >> 20, " MiB"),
                    "raise the KV budget, or lower the group size or the completion length");
  }
  waiting_.push_back(std::move(request));
}

void Scheduler::start(GroupRequest request) {
  const std::int64_t bytes = bytes_of(request);
  std::shared_ptr<PromptPrefix> prefix = find_prefix(request.prompt.tokens);
  auto group = std::make_unique<RunningGroup>(std::move(request), config_, kv_dtype_, limits_.prefill_chunk, std::move(prefix));
  group->reserved_bytes = bytes;
  reserved_bytes_ += bytes;
  running_.push_back(std::move(group));
  make_room();
}

/// The complete prefix of exactly these tokens, of a running group or a kept one.
std::shared_ptr<PromptPrefix> Scheduler::find_prefix(const std::vector<std::int32_t>& tokens) {
  for (const auto& group : running_) {
    const auto& prefix = group->cache.shared_prefix();
    if (prefix->is_complete() && group->request.prompt.tokens == tokens) return prefix;
  }
  const auto kept = std::find_if(kept_prefixes_.begin(), kept_prefixes_.end(), [&](const KeptPrefix& k) { return k.tokens == tokens; });
  if (kept == kept_prefixes_.end()) return nullptr;
  std::rotate(kept, kept + 1, kept_prefixes_.end());
  return kept_prefixes_.back().prefix;
}

void Scheduler::keep_prefix(const RunningGroup& group) {
  const std::shared_ptr<PromptPrefix>& prefix = group.cache.shared_prefix();
  const auto is_same = [&](const KeptPrefix& kept) { return kept.prefix == prefix; };
  if (!prefix->is_complete() || std::any_of(kept_prefixes_.begin(), kept_prefixes_.end(), is_same)) return;
  kept_prefixes_.push_back({group.request.prompt.tokens, prefix, prefix->bytes()});
  make_room();
}

/// Running groups come first: kept prefixes have what their reservations leave.
void Scheduler::make_room() {
  const auto kept_bytes = [&] {
    std::int64_t bytes = 0;
    for (const KeptPrefix& kept : kept_prefixes_) bytes += kept.bytes;
    return bytes;
  };
  while (!kept_prefixes_.empty() && (reserved_bytes_ + kept_bytes() > limits_.kv_budget_bytes ||
                                     static_cast<std::int64_t>(kept_prefixes_.size()) > limits_.max_concurrent_groups)) {
    kept_prefixes_.pop_front();
  }
}

void Scheduler::admit() {
  while (!waiting_.empty() && num_running() < limits_.max_concurrent_groups &&
         reserved_bytes_ + bytes_of(waiting_.front()) <= limits_.kv_budget_bytes) {
    GroupRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(request));
  }
}

void Scheduler::plan(StepPlan& plan) const {
  plan.prefill.clear();
  plan.decode.clear();
  plan.first_tokens.clear();
  std::int64_t rows_left = limits_.prefill_chunk;
  for (const auto& group : running_) {
    if (group->awaits_first_tokens()) {
      plan.first_tokens.push_back(group.get());
    } else if (group->is_prefilled()) {
      for (std::int64_t i = 0; i < group->request.group_size; ++i) {
        if (!group->finished[i]) plan.decode.push_back({group.get(), i});
      }
    } else if (rows_left > 0 && !group->is_finished()) {
      const auto prompt_tokens = static_cast<std::int64_t>(group->request.prompt.tokens.size());
      const std::int64_t rows = std::min(rows_left, prompt_tokens - group->prefilled_tokens);
      plan.prefill.push_back({group.get(), group->prefilled_tokens, rows});
      rows_left -= rows;
    }
  }
}

std::vector<std::unique_ptr<RunningGroup>> Scheduler::take_finished() {
  std::vector<std::unique_ptr<RunningGroup>> done;
  for (auto& group : running_) {
    if (!group->is_finished()) continue;
    reserved_bytes_ -= group->reserved_bytes;
    keep_prefix(*group);
    done.push_back(std::move(group));
  }
  std::erase(running_, nullptr);
  return done;
}

bool Scheduler::abort(std::uint64_t lease_id) {
  const auto waiting = std::find_if(waiting_.begin(), waiting_.end(), [&](const GroupRequest& r) { return r.lease_id == lease_id; });
  if (waiting != waiting_.end()) {
    GroupRequest request = std::move(*waiting);
    waiting_.erase(waiting);
    start(std::move(request));
  }
  for (const auto& group : running_) {
    if (group->request.lease_id != lease_id) continue;
    for (std::int64_t i = 0; i < group->request.group_size; ++i) {
      if (!group->finished[i]) group->finish(i, data::FinishReason::abort);
    }
    return true;
  }
  return false;
}

bool Scheduler::forget(std::uint64_t lease_id) {
  const auto dropped_waiting = std::erase_if(waiting_, [&](const GroupRequest& request) { return request.lease_id == lease_id; });
  const auto dropped_running = std::erase_if(running_, [&](const auto& group) {
    if (group->request.lease_id != lease_id) return false;
    reserved_bytes_ -= group->reserved_bytes;
    return true;
  });
  return dropped_waiting + dropped_running > 0;
}

void Scheduler::clear() {
  waiting_.clear();
  running_.clear();
  kept_prefixes_.clear();
  reserved_bytes_ = 0;
}

std::vector<std::uint64_t> Scheduler::lease_ids() const {
  std::vector<std::uint64_t> ids;
  for (const auto& group : running_) ids.push_back(group->request.lease_id);
  for (const GroupRequest& request : waiting_) ids.push_back(request.lease_id);
  return ids;
}

}  // namespace longbow::rollout
