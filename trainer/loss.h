// The clipped policy-gradient loss of one completion, as its gradient with respect to each token's log-probability.
// Everything a batch needs to be right at once (denominators, masks, corrections) is passed in; nothing is averaged here.
// Sources: PPO clip, arXiv 1707.06347 eq. 7; clip-higher and token mean, DAPO, arXiv 2503.14476 eq. 8; dr_grpo, arXiv 2503.20783;
// KL estimators k1-k3, J. Schulman, "Approximating KL divergence", 2020; TIS and IcePop as docs/numerics.md derives them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/config.h"

namespace longbow::trainer {

enum class Aggregation { token_mean, sequence_mean, dr_grpo };
enum class KlEstimator { k1, k2, k3 };
enum class MismatchCorrection { none, tis, icepop };

struct LossConfig {
  double eps_clip_low = 0.2;
  double eps_clip_high = 0.28;
  double dual_clip = 0;
  Aggregation aggregation = Aggregation::token_mean;
  double kl_beta = 0;
  KlEstimator kl_estimator = KlEstimator::k3;
  MismatchCorrection mismatch_correction = MismatchCorrection::tis;
  double tis_cap = 2.0;
  double icepop_low = 0.5;
  double icepop_high = 5.0;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("eps_clip_low", eps_clip_low, {.help = "The ratio is clipped below at 1 - this.", .min = 0, .max = 1});
    v.field("eps_clip_high", eps_clip_high, {.help = "The ratio is clipped above at 1 + this (clip-higher: 0.28).", .min = 0, .max = 10});
    v.field("dual_clip", dual_clip,
            {.help = "Bounds the loss of negative advantages at this multiple; 0 turns it off, else > 1.", .min = 0});
    v.choice(
        "aggregation", aggregation,
        {{"token_mean", Aggregation::token_mean}, {"sequence_mean", Aggregation::sequence_mean}, {"dr_grpo", Aggregation::dr_grpo}},
        {.help = "Divide by the batch's completion tokens, by length then completions, or by completions times max_completion_tokens."});
    v.field("kl_beta", kl_beta, {.help = "Weight of the KL to the start; 0 turns it off.", .min = 0});
    v.choice("kl_estimator", kl_estimator, {{"k1", KlEstimator::k1}, {"k2", KlEstimator::k2}, {"k3", KlEstimator::k3}},
             {.help = "KL estimator."});
    v.choice("mismatch_correction", mismatch_correction,
             {{"none", MismatchCorrection::none}, {"tis", MismatchCorrection::tis}, {"icepop", MismatchCorrection::icepop}},
             {.help = "Correction for rollout and trainer log-probabilities that differ."});
    v.field("tis_cap", tis_cap, {.help = "Truncated importance sampling: largest weight.", .min = 1});
    v.field("icepop_low", icepop_low, {.help = "IcePop: tokens whose weight is below are dropped.", .min = 0, .max = 1});
    v.field("icepop_high", icepop_high, {.help = "IcePop: tokens whose weight is above are dropped.", .min = 1});
  }
};

/// Throws UserError for a dual_clip in (0, 1].
void validate(const LossConfig& config);

/// One completion's numbers; all spans have its number of tokens. `ref_logprobs` is empty when the KL is off.
struct CompletionTerms {
  std::span<const float> logprobs;          // of the weights being trained
  std::span<const float> old_logprobs;      // of the trainer, before this batch's first update
  std::span<const float> rollout_logprobs;  // of the worker
  std::span<const float> ref_logprobs;
  double advantage = 0;
};

/// Denominators over the whole batch, all micro-batches and ranks (a per-micro-batch denominator is a silent bug).
struct BatchDenominator {
  std::int64_t completion_tokens = 0;
  std::int64_t completions = 0;
  std::int64_t max_completion_tokens = 0;
};

/// Sums over tokens, to be added up over a batch and divided by `tokens` when reported.
struct LossSums {
  double loss = 0;  // already divided by the denominator
  double tokens = 0;
  double clipped = 0;      // tokens whose ratio was clipped
  double approx_kl = 0;    // k3 of old to current policy
  double ref_kl = 0;       // k3 of the current policy to the reference
  double mismatch_kl = 0;  // k3 of rollout to trainer log-probabilities, before any masking
  double max_abs_mismatch = 0;
  double corrected = 0;  // tokens whose mismatch weight was capped or dropped
  double max_ratio = 0;
  double min_ratio = 1e30;
};

/// Adds the completion's loss to `sums` and writes dlogprobs[t] = d(loss)/d(logprobs[t]). Log-ratios are clamped to ±20.
void completion_loss(const LossConfig& config, const CompletionTerms& terms, const BatchDenominator& denominator,
                     std::span<float> dlogprobs, LossSums& sums);

}  // namespace longbow::trainer
