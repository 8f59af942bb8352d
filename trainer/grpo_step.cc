#include "trainer/grpo_step.h"

#include <algorithm>
#include <span>

#include "core/errors.h"
#include "core/profile.h"

namespace longbow::trainer {
namespace {

/// Per-token numbers of one group that do not change while the step trains.
struct GroupTerms {
  PackedGroup packed;
  std::vector<double> advantages;       // per completion
  std::vector<float> rollout_logprobs;  // [targets], from here on
  std::vector<float> old_logprobs;      // filled by the scoring pass, or by the only training pass
  std::vector<float> ref_logprobs;
  bool teaches = false;  // some completion has a gradient
};

std::vector<GroupTerms> prepare(const TrainRecipe& recipe, const std::vector<ScoredGroup>& groups, StepReport& report) {
  std::vector<GroupRewards> rewards;
  for (const ScoredGroup& scored : groups) rewards.push_back({scored.group.prompt.task, scored.rewards});
  const auto advantages = compute_advantages(rewards, {recipe.algorithm.advantage_scale, 1e-6});
  std::vector<GroupTerms> terms(groups.size());
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const data::Group& group = groups[i].group;
    GroupTerms& term = terms[i];
    term.packed = pack_group(group);
    term.advantages = advantages[i];
    const bool zero_spread = has_zero_spread(groups[i].rewards);
    report.zero_spread_groups += zero_spread ? 1 : 0;
    term.teaches = !zero_spread || recipe.algorithm.loss.kl_beta > 0;
    for (const data::Completion& completion : group.completions) {
      term.rollout_logprobs.insert(term.rollout_logprobs.end(), completion.rollout_logprobs.begin(), completion.rollout_logprobs.end());
      report.repeated_rows += static_cast<std::int64_t>(group.prompt.tokens.size() + completion.tokens.size());
    }
    report.trained_rows += static_cast<std::int64_t>(term.packed.batch.tokens.size());
    LONGBOW_CHECK_EQ(term.rollout_logprobs.size(), term.packed.targets.size());
  }
  return terms;
}

BatchDenominator denominator_of(const TrainRecipe& recipe, std::span<const GroupTerms> batch) {
  BatchDenominator denominator;
  denominator.max_completion_tokens = recipe.rollout.max_completion_tokens;
  for (const GroupTerms& term : batch) {
    denominator.completion_tokens += static_cast<std::int64_t>(term.packed.targets.size());
    denominator.completions += static_cast<std::int64_t>(term.advantages.size());
  }
  denominator.completion_tokens = std::max<std::int64_t>(1, denominator.completion_tokens);
  return denominator;
}

std::span<const float> slice(const std::vector<float>& values, std::int64_t begin, std::int64_t end) {
  return values.empty() ? std::span<const float>() : std::span(values).subspan(begin, end - begin);
}

/// Forward, loss and backward of one group.
void train_group(const TrainRecipe& recipe, Policy& policy, GroupTerms& term, const BatchDenominator& denominator, StepReport& report) {
  if (term.packed.targets.empty()) return;
  const float inv_temperature = 1.0f / static_cast<float>(recipe.rollout.temperature);
  const auto forward = [&] {
    const ProfileScope scope("forward");
    return policy.score(term.packed, inv_temperature, term.teaches);
  };
  const Scores scores = forward();
  if (term.old_logprobs.empty()) term.old_logprobs = scores.logprobs;  // a single update a step: the old policy is this one
  std::vector<float> dlogprobs(term.packed.targets.size());
  for (std::size_t i = 0; i < term.advantages.size(); ++i) {
    const std::int64_t begin = term.packed.completion_begin[i];
    const std::int64_t end = term.packed.completion_begin[i + 1];
    CompletionTerms terms;
    terms.logprobs = slice(scores.logprobs, begin, end);
    terms.old_logprobs = slice(term.old_logprobs, begin, end);
    terms.rollout_logprobs = slice(term.rollout_logprobs, begin, end);
    terms.ref_logprobs = slice(term.ref_logprobs, begin, end);
    terms.advantage = term.advantages[i];
    completion_loss(recipe.algorithm.loss, terms, denominator, std::span(dlogprobs).subspan(begin, end - begin), report.sums);
  }
  for (float entropy : scores.entropies) report.entropy += entropy;
  if (!term.teaches) return;
  const ProfileScope scope("backward");
  policy.backward(term.packed, inv_temperature, dlogprobs);
}

}  // namespace

StepReport grpo_step(const TrainRecipe& recipe, Policy& policy, Policy* reference, Optimizer& optimizer,
                     const std::vector<ScoredGroup>& groups, const StepOptions& options) {
  StepReport report;
  std::vector<GroupTerms> terms = prepare(recipe, groups, report);
  const float inv_temperature = 1.0f / static_cast<float>(recipe.rollout.temperature);
  const bool with_ref = reference != nullptr && (options.with_ref_kl || recipe.algorithm.loss.kl_beta > 0);
  report.has_ref_kl = with_ref;
  const std::int64_t updates = recipe.algorithm.mini_batches;
  for (GroupTerms& term : terms) {
    const ProfileScope scope("score");
    if (term.packed.targets.empty()) continue;
    if (updates > 1) term.old_logprobs = policy.score(term.packed, inv_temperature, false).logprobs;
    if (with_ref) term.ref_logprobs = reference->score(term.packed, inv_temperature, false).logprobs;
  }
  report.learning_rate = learning_rate_at(optimizer.config(), options.step, recipe.algorithm.steps);
  const auto count = static_cast<std::int64_t>(terms.size());
  for (std::int64_t update = 0; update < updates; ++update) {
    const std::int64_t begin = count * update / updates;
    const std::int64_t end = count * (update + 1) / updates;
    const std::span batch = std::span(terms).subspan(begin, end - begin);
    const BatchDenominator denominator = denominator_of(recipe, batch);
    policy.zero_gradient();
    for (GroupTerms& term : batch) train_group(recipe, policy, term, denominator, report);
    const ProfileScope scope("optimizer");
    const auto result = optimizer.step(policy.gradient(), policy.weights().values.data(), report.learning_rate);
    report.grad_norm = result.grad_norm;
    report.skipped_updates += result.skipped ? 1 : 0;
    policy.refresh();
  }
  if (report.sums.tokens > 0) report.entropy /= report.sums.tokens;
  return report;
}

}  // namespace longbow::trainer
