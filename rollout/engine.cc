#include "rollout/engine.h"

#include <algorithm>

#include "core/errors.h"
#include "kernels/logprob.h"

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

void Engine::swap_weights(std::int64_t policy_version, model::WeightValues values) {
  pending_weights_ = PendingWeights{policy_version, std::move(values)};
  install_pending_weights();
}

void Engine::install_pending_weights() {
  if (!pending_weights_ || scheduler_.num_running() > 0) return;
  scheduler_.forget_prefixes();
  model_.update(pool_, pending_weights_->values);
  policy_version_ = pending_weights_->policy_version;
  pending_weights_.reset();
}

std::vector<FinishedGroup> Engine::step() {
  install_pending_weights();
  if (!pending_weights_) scheduler_.admit();
  scheduler_.plan(plan_);
  if (!plan_.empty()) {
    const Clock::time_point begin = Clock::now();
    run_forward();
    sample();
    ++counters_.steps;
    const double ms = ms_between(begin, Clock::now());
    const double decoded = plan_.prefill.empty() ? 1 : static_cast<double>(plan_.decode.size()) / static_cast<double>(context_.num_rows());
    counters_.decode_ms += decoded * ms;
    counters_.prefill_ms += (1 - decoded) * ms;
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
void Engine::run_forward() {
  tokens_.clear();
  position_ids_.clear();
  draws_.clear();
  wanted_rows_.clear();
  inv_temperatures_.clear();
  context_.clear();
  new_prompts_.clear();
  known_prompts_.clear();
  const auto wants_logits = [&](const RunningGroup& group) {
    wanted_rows_.push_back(static_cast<std::int32_t>(context_.num_rows() - 1));
    inv_temperatures_.push_back(inverse_temperature(group.request.sampling));
  };
  for (const PrefillChunk& chunk : plan_.prefill) {
    const bool ends_prompt = chunk.first + chunk.num_rows == static_cast<std::int64_t>(chunk.group->request.prompt.tokens.size());
    context_.add_prefill(chunk.group->cache, chunk.num_rows, ends_prompt ? 1 : 0);
    for (std::int64_t i = chunk.first; i < chunk.first + chunk.num_rows; ++i) {
      tokens_.push_back(chunk.group->request.prompt.tokens[i]);
      position_ids_.push_back(static_cast<std::int32_t>(i));
    }
    chunk.group->prefilled_tokens += chunk.num_rows;
    counters_.prefill_tokens += chunk.num_rows;
    if (!ends_prompt) continue;
    wants_logits(*chunk.group);  // the prompt's last row gives all completions their first token
    new_prompts_.push_back({chunk.group, static_cast<std::int64_t>(wanted_rows_.size()) - 1});
    draw_first_tokens(*chunk.group, new_prompts_.back().logits_row);
  }
  for (const DecodeRow& row : plan_.decode) {
    const data::Completion& completion = row.group->completions[row.sample_idx];
    context_.add_decode(row.group->cache, row.sample_idx);
    tokens_.push_back(completion.tokens.back());
    position_ids_.push_back(static_cast<std::int32_t>(row.group->request.prompt.tokens.size() + completion.tokens.size() - 1));
    wants_logits(*row.group);
    draws_.push_back({row.group, row.sample_idx, static_cast<std::int64_t>(wanted_rows_.size()) - 1});
  }
  for (RunningGroup* group : plan_.first_tokens) {
    inv_temperatures_.push_back(inverse_temperature(group->request.sampling));
    known_prompts_.push_back({group, static_cast<std::int64_t>(inv_temperatures_.size()) - 1});
    draw_first_tokens(*group, known_prompts_.back().logits_row);
  }
  if (context_.num_rows() == 0) return;
  hidden_.reserve(static_cast<std::int64_t>(wanted_rows_.size()) * model_.config().hidden_size);
  model::forward(pool_, model_, {tokens_, position_ids_, wanted_rows_}, context_, hidden_.data(), nullptr);
}

void Engine::draw_first_tokens(RunningGroup& group, std::int64_t logits_row) {
  group.has_first_tokens = true;
  for (std::int64_t i = 0; i < group.request.group_size; ++i) draws_.push_back({&group, i, logits_row});
}

void Engine::compute_logits() {
  const std::int64_t vocab_size = model_.config().vocab_size;
  const auto num_rows = static_cast<std::int64_t>(inv_temperatures_.size()), computed = static_cast<std::int64_t>(wanted_rows_.size());
  logits_.reserve(num_rows * vocab_size);
  lse_.reserve(num_rows);
  if (computed > 0) kernels::linear_forward(pool_, hidden_.data(), computed, model_.head(), logits_.data());
  for (const PromptLogits& prompt : new_prompts_) {
    const float* row = logits_.data() + prompt.logits_row * vocab_size;
    prompt.group->cache.shared_prefix()->logits.assign(row, row + vocab_size);
  }
  for (const PromptLogits& prompt : known_prompts_) {
    const std::vector<float>& logits = prompt.group->cache.shared_prefix()->logits;
    std::copy(logits.begin(), logits.end(), logits_.data() + prompt.logits_row * vocab_size);
  }
  pool_.parallel_for(num_rows, [&](std::int64_t i, int) {
    lse_[i] = kernels::row_logsumexp(logits_.data() + i * vocab_size, vocab_size, inv_temperatures_[i]);
  });
}

void Engine::sample() {
  if (draws_.empty()) return;
  compute_logits();
  const std::int64_t vocab_size = model_.config().vocab_size;
  sampled_.resize(draws_.size());
  pool_.parallel_for(static_cast<std::int64_t>(draws_.size()), [&](std::int64_t i, int thread) {
    const Draw& draw = draws_[i];
    const GroupRequest& request = draw.group->request;
    const auto position = static_cast<std::int64_t>(draw.group->completions[draw.sample_idx].tokens.size());
    const double uniform =
        sampling_uniform({request.sampling.seed, request.prompt.step, request.prompt.prompt_idx, draw.sample_idx, position});
    const std::span<const float> logits(logits_.data() + draw.logits_row * vocab_size, static_cast<std::size_t>(vocab_size));
    sampled_[i] = sample_token(logits, lse_[draw.logits_row], request.sampling, uniform, sampler_scratch_[thread]);
  });
  const Clock::time_point now = Clock::now();
  for (std::size_t i = 0; i < draws_.size(); ++i) {
    if (draws_[i].group->completions[draws_[i].sample_idx].tokens.empty()) draws_[i].group->decode_started = now;
    commit(draws_[i], sampled_[i].token, sampled_[i].logprob);
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
