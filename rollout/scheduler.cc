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

RunningGroup::RunningGroup(GroupRequest from, const model::ModelConfig& config, kernels::DType kv_dtype, std::int64_t prefill_chunk)
    : request(std::move(from)),
      cache(config, kv_dtype, cache_shape(request, prefill_chunk)),
      completions(request.group_size),
      finished(request.group_size, false),
      started(Clock::now()),
      decode_started(started) {
  for (std::int32_t i = 0; i < request.group_size; ++i) completions[i].sample_idx = i;
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
  if (request.group_size < 1) throw UserError(concat("group: expected at least one completion, got ", request.group_size));
  validate(request.sampling);
  for (const std::int32_t token : request.prompt.tokens) {
    if (token < 0 || token >= config_.vocab_size) {
      throw UserError(concat("prompt: expected token ids in [0, ", config_.vocab_size, "), got ", token));
    }
  }
  const std::int64_t bytes = bytes_of(request);
  if (bytes > limits_.kv_budget_bytes) {
    throw UserError(concat("KV cache: a prompt of ", request.prompt.tokens.size(), " tokens with ", request.group_size, " completions of ",
                           request.sampling.max_completion_tokens, " needs ", bytes >> 20, " MiB, expected at most ",
                           limits_.kv_budget_bytes >> 20, " MiB"),
                    "raise the KV budget, or lower the group size or the completion length");
  }
  waiting_.push_back(std::move(request));
}

void Scheduler::start(GroupRequest request) {
  const std::int64_t bytes = bytes_of(request);
  auto group = std::make_unique<RunningGroup>(std::move(request), config_, kv_dtype_, limits_.prefill_chunk);
  group->reserved_bytes = bytes;
  reserved_bytes_ += bytes;
  running_.push_back(std::move(group));
}

void Scheduler::admit() {
  while (!waiting_.empty() && num_running() < limits_.max_concurrent_groups &&
         reserved_bytes_ + bytes_of(waiting_.front()) <= limits_.kv_budget_bytes) {
    GroupRequest request = std::move(waiting_.front());
    waiting_.pop_front();
    start(std::move(request));
  }
}

StepPlan Scheduler::plan() const {
  StepPlan plan;
  std::int64_t rows_left = limits_.prefill_chunk;
  for (const auto& group : running_) {
    if (group->is_prefilled()) {
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
  return plan;
}

std::vector<std::unique_ptr<RunningGroup>> Scheduler::take_finished() {
  std::vector<std::unique_ptr<RunningGroup>> done;
  for (auto& group : running_) {
    if (!group->is_finished()) continue;
    reserved_bytes_ -= group->reserved_bytes;
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
  reserved_bytes_ = 0;
}

std::vector<std::uint64_t> Scheduler::lease_ids() const {
  std::vector<std::uint64_t> ids;
  for (const auto& group : running_) ids.push_back(group->request.lease_id);
  for (const GroupRequest& request : waiting_) ids.push_back(request.lease_id);
  return ids;
}

}  // namespace longbow::rollout
