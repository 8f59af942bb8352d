#include "rollout/engine.h"

#include <algorithm>
#include <cstring>

#include "core/errors.h"
#include "kernels/logprob.h"
#include "rollout/sampler.h"

namespace longbow::rollout {
namespace {

double ms_between(Clock::time_point from, Clock::time_point to) { return std::chrono::duration<double, std::milli>(to - from).count(); }

}  // namespace

Engine::Engine(ThreadPool& pool, model::PackedModel& model, EngineConfig config, std::int64_t policy_version)
    : pool_(pool),
      model_(model),
      scheduler_(model.config(), model.dtype(), config),
      policy_version_(policy_version),
      context_(pool),
      sampler_scratch_(pool.num_threads()) {}

void Engine::submit(GroupRequest request) { scheduler_.submit(std::move(request)); }

void Engine::swap_weights(std::int64_t policy_version, kernels::Buffer<float> values) {
  pending_weights_ = PendingWeights{policy_version, std::move(values)};
  install_pending_weights();
}

void Engine::install_pending_weights() {
  if (!pending_weights_ || scheduler_.num_running() > 0) return;
  model_.update(pool_, pending_weights_->values.data());
  policy_version_ = pending_weights_->policy_version;
  pending_weights_.reset();
}

std::vector<FinishedGroup> Engine::step() {
  install_pending_weights();
  if (!pending_weights_) scheduler_.admit();
  const StepPlan plan = scheduler_.plan();
  if (!plan.empty()) {
    run_forward(plan);
    sample();
    ++counters_.steps;
  }
  std::vector<FinishedGroup> done;
  for (const auto& group : scheduler_.take_finished()) {
    FinishedGroup& out = done.emplace_back();
    out.group.lease_id = group->request.lease_id;
    out.group.prompt = std::move(group->request.prompt);
    out.group.completions = std::move(group->completions);
    out.prefill_ms = ms_between(group->started, group->decode_started);
    out.decode_ms = ms_between(group->decode_started, Clock::now());
  }
  return done;
}

// Rows stand in the order of the plan: prefill chunks, then decode rows.
void Engine::run_forward(const StepPlan& plan) {
  tokens_.clear();
  position_ids_.clear();
  draws_.clear();
  logits_rows_.clear();
  inv_temperatures_.clear();
  context_.clear();
  const auto wants_logits = [&](const RunningGroup& group) {
    logits_rows_.push_back(context_.num_rows() - 1);
    inv_temperatures_.push_back(inverse_temperature(group.request.sampling));
  };
  for (const PrefillChunk& chunk : plan.prefill) {
    context_.add_prefill(chunk.group->cache, chunk.num_rows);
    for (std::int64_t i = chunk.first; i < chunk.first + chunk.num_rows; ++i) {
      tokens_.push_back(chunk.group->request.prompt.tokens[i]);
      position_ids_.push_back(static_cast<std::int32_t>(i));
    }
    chunk.group->prefilled_tokens += chunk.num_rows;
    counters_.prefill_tokens += chunk.num_rows;
    if (!chunk.group->is_prefilled()) continue;
    wants_logits(*chunk.group);  // the prompt's last row gives all completions their first token
    for (std::int64_t i = 0; i < chunk.group->request.group_size; ++i) {
      draws_.push_back({chunk.group, i, static_cast<std::int64_t>(logits_rows_.size()) - 1});
    }
  }
  for (const DecodeRow& row : plan.decode) {
    const data::Completion& completion = row.group->completions[row.sample_idx];
    context_.add_decode(row.group->cache, row.sample_idx);
    tokens_.push_back(completion.tokens.back());
    position_ids_.push_back(static_cast<std::int32_t>(row.group->request.prompt.tokens.size() + completion.tokens.size() - 1));
    wants_logits(*row.group);
    draws_.push_back({row.group, row.sample_idx, static_cast<std::int64_t>(logits_rows_.size()) - 1});
  }
  hidden_.reserve(context_.num_rows() * model_.config().hidden_size);
  model::forward(pool_, model_, {tokens_, position_ids_}, context_, hidden_.data(), nullptr);
}

void Engine::compute_logits() {
  const std::int64_t hidden_size = model_.config().hidden_size;
  const std::int64_t vocab_size = model_.config().vocab_size;
  const auto num_rows = static_cast<std::int64_t>(logits_rows_.size());
  selected_.reserve(num_rows * hidden_size);
  logits_.reserve(num_rows * vocab_size);
  lse_.reserve(num_rows);
  for (std::int64_t i = 0; i < num_rows; ++i) {
    std::memcpy(selected_.data() + i * hidden_size, hidden_.data() + logits_rows_[i] * hidden_size, hidden_size * sizeof(float));
  }
  kernels::linear_forward(pool_, selected_.data(), num_rows, model_.head(), logits_.data());
  pool_.parallel_for(num_rows, [&](std::int64_t i, int) {
    lse_[i] = kernels::row_logsumexp(logits_.data() + i * vocab_size, vocab_size, inv_temperatures_[i]);
  });
}

void Engine::sample() {
  if (draws_.empty()) return;
  compute_logits();
  const std::int64_t vocab_size = model_.config().vocab_size;
  std::vector<SampledToken> sampled(draws_.size());
  pool_.parallel_for(static_cast<std::int64_t>(draws_.size()), [&](std::int64_t i, int thread) {
    const Draw& draw = draws_[i];
    const GroupRequest& request = draw.group->request;
    const auto position = static_cast<std::int64_t>(draw.group->completions[draw.sample_idx].tokens.size());
    const double uniform =
        sampling_uniform({request.sampling.seed, request.prompt.step, request.prompt.prompt_idx, draw.sample_idx, position});
    const std::span<const float> logits(logits_.data() + draw.logits_row * vocab_size, static_cast<std::size_t>(vocab_size));
    sampled[i] = sample_token(logits, lse_[draw.logits_row], request.sampling, uniform, sampler_scratch_[thread]);
  });
  const Clock::time_point now = Clock::now();
  for (std::size_t i = 0; i < draws_.size(); ++i) {
    if (draws_[i].group->completions[draws_[i].sample_idx].tokens.empty()) draws_[i].group->decode_started = now;
    commit(draws_[i], sampled[i].token, sampled[i].logprob);
  }
}

void Engine::commit(const Draw& draw, std::int32_t token, float logprob) {
  const GroupRequest& request = draw.group->request;
  data::Completion& completion = draw.group->completions[draw.sample_idx];
  if (completion.tokens.empty()) completion.min_policy_version = policy_version_;
  completion.max_policy_version = policy_version_;
  completion.tokens.push_back(token);
  completion.rollout_logprobs.push_back(logprob);
  ++counters_.decode_tokens;

  const auto& stops = request.sampling.stop_token_ids;
  const bool caller_stops = request.on_token && request.on_token(draw.sample_idx, completion.tokens);
  if (caller_stops || std::find(stops.begin(), stops.end(), token) != stops.end()) {
    draw.group->finish(draw.sample_idx, data::FinishReason::stop);
  } else if (static_cast<std::int64_t>(completion.tokens.size()) >= request.sampling.max_completion_tokens) {
    draw.group->finish(draw.sample_idx, data::FinishReason::length);
  }
}

}  // namespace longbow::rollout
