#include "trainer/batch_collector.h"

#include <algorithm>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/profile.h"

namespace longbow::trainer {
namespace {

constexpr std::int64_t kTakeTimeoutMs = 200;

}  // namespace

BatchCollector::BatchCollector(const TrainRecipe& recipe, std::int32_t stop_token, data::PromptSource& source, LearnerServer& server,
                               Scorer& scorer, std::function<void()> on_wait)
    : recipe_(recipe), stop_token_(stop_token), source_(source), server_(server), scorer_(scorer), on_wait_(std::move(on_wait)) {}

void BatchCollector::request(std::int64_t step) {
  if (pending_.contains(step)) return;
  source_states_[step] = source_.state();
  pending_[step];
  submit(step, recipe_.algorithm.prompts_per_step);
}

void BatchCollector::submit(std::int64_t step, std::int64_t count) {
  Pending& pending = pending_.at(step);
  std::vector<LeaseRequestItem> requests;
  for (data::SourcedPrompt& sourced : source_.next(count)) {
    LeaseRequestItem request;
    request.prompt = std::move(sourced.prompt);
    request.prompt.step = step;
    request.prompt.prompt_idx = pending.next_prompt_idx++;
    request.group_size = static_cast<std::int32_t>(recipe_.rollout.group_size);
    request.sampling.temperature = static_cast<float>(recipe_.rollout.temperature);
    request.sampling.max_completion_tokens = static_cast<std::int32_t>(recipe_.rollout.max_completion_tokens);
    request.sampling.stop_token_ids = {stop_token_};
    request.sampling.seed = recipe_.seed;
    request.min_policy_version = std::max<std::int64_t>(0, step - recipe_.algorithm.max_off_policy_steps);
    pending.items[request.prompt.prompt_idx] = sourced.item;
    requests.push_back(std::move(request));
  }
  server_.submit(std::move(requests));
}

Json BatchCollector::source_state_before(std::int64_t step) const {
  const auto found = source_states_.find(step);
  return found == source_states_.end() ? source_.state() : found->second;
}

void BatchCollector::check_workers_alive(std::int64_t waited_ms) const {
  if (waited_ms < recipe_.rollout.start_timeout_ms || server_.statistics().workers > 0) return;
  throw UserError(
      concat("rollout: expected a worker within ", recipe_.rollout.start_timeout_ms, " ms, got none (", server_.endpoint(), ")"),
      "start one with: longbow rollout RECIPE --connect " + server_.endpoint());
}

void BatchCollector::accept(data::Group group, std::int64_t policy_version, std::int64_t collecting_step, CollectedBatch& batch) {
  const std::int64_t step = group.prompt.step;
  const auto found = pending_.find(step);
  if (found == pending_.end()) return;  // a step that is over: its lease was forgotten on the way here
  const std::int64_t prompt_idx = group.prompt.prompt_idx;
  std::int64_t oldest = policy_version;
  for (const data::Completion& completion : group.completions) oldest = std::min(oldest, completion.min_policy_version);
  const std::int64_t limit = recipe_.algorithm.max_off_policy_steps;
  if (step == collecting_step && policy_version - oldest > limit) {
    server_.reissue(step, prompt_idx, policy_version - limit);
    ++batch.stale_groups;
    return;
  }
  const data::Item& item = *found->second.items.at(prompt_idx);
  const ProfileScope scope("reward");
  found->second.kept.emplace(prompt_idx, scorer_.score(std::move(group), item));
}

void BatchCollector::refill(std::int64_t step, CollectedBatch& batch) {
  Pending& pending = pending_.at(step);
  const auto before = static_cast<std::int64_t>(pending.kept.size());
  std::erase_if(pending.kept, [](const auto& entry) { return has_zero_spread(entry.second.scored.accuracies); });
  batch.dropped_groups += before - static_cast<std::int64_t>(pending.kept.size());
  const std::int64_t missing = recipe_.algorithm.prompts_per_step - static_cast<std::int64_t>(pending.kept.size());
  if (missing == 0) return;
  if (pending.refills++ == recipe_.algorithm.max_refills) {
    throw UserError(
        concat("dynamic sampling: expected ", recipe_.algorithm.prompts_per_step, " groups with differing rewards at step ", step, ", got ",
               pending.kept.size(), " after ", recipe_.algorithm.max_refills, " refills"),
        "the task may be too easy or too hard for the model; change the data, raise /algorithm/max_refills or turn dynamic_sampling off");
  }
  submit(step, missing);
}

CollectedBatch BatchCollector::collect(std::int64_t step, std::int64_t policy_version) {
  request(step);
  Pending& pending = pending_.at(step);
  CollectedBatch batch;
  std::int64_t waited_ms = 0;
  const auto complete = [&] { return static_cast<std::int64_t>(pending.kept.size()) == recipe_.algorithm.prompts_per_step; };
  // Every prompt that was asked for must be answered before dynamic sampling decides, so that the decision never depends on arrival.
  const auto answered = [&] { return pending.next_prompt_idx == static_cast<std::int64_t>(pending.kept.size()) + batch.dropped_groups; };
  while (true) {
    if (answered()) {
      if (!recipe_.algorithm.dynamic_sampling) break;
      refill(step, batch);
      if (complete()) break;
    }
    if (interrupted()) throw Interrupted("interrupted while waiting for completions");
    if (on_wait_) on_wait_();
    if (auto group = server_.take(kTakeTimeoutMs)) {
      waited_ms = 0;
      accept(std::move(*group), policy_version, step, batch);
    } else {
      waited_ms += kTakeTimeoutMs;
      check_workers_alive(waited_ms);
    }
  }
  for (auto& [prompt_idx, score] : pending.kept) batch.groups.push_back(std::move(score));
  pending_.erase(step);
  source_states_.erase(step);
  server_.forget_before(step + 1);
  return batch;
}

}  // namespace longbow::trainer
