#include "trainer/loss.h"

#include <algorithm>
#include <cmath>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

constexpr double kMaxLogRatio = 20.0;

double clamped(double log_ratio) { return std::clamp(log_ratio, -kMaxLogRatio, kMaxLogRatio); }

/// k3 of p to q from log q(x) - log p(x), x drawn from p: never negative, exactly 0 for equal inputs.
double k3(double log_ratio) { return std::exp(log_ratio) - log_ratio - 1.0; }

struct Term {
  double value = 0;
  double gradient = 0;  // with respect to the log-probability
};

/// -min(rho A, clip(rho) A), and for negative advantages max(…, -c A) with dual clip (arXiv 1912.09729).
Term policy_term(const LossConfig& config, double log_ratio, double advantage, bool* clipped) {
  const double ratio = std::exp(clamped(log_ratio));
  const double bounded = std::clamp(ratio, 1.0 - config.eps_clip_low, 1.0 + config.eps_clip_high);
  const bool saturated = std::abs(log_ratio) > kMaxLogRatio;
  Term term{-ratio * advantage, saturated ? 0.0 : -ratio * advantage};
  *clipped = -bounded * advantage > term.value;
  if (*clipped) term = {-bounded * advantage, 0.0};
  if (advantage < 0 && config.dual_clip > 0 && term.value > -config.dual_clip * advantage) {
    term = {-config.dual_clip * advantage, 0.0};
    *clipped = true;
  }
  return term;
}

/// d = logprob - ref_logprob. The gradient of k1 as a loss is constant, of k2 it is d, of k3 1 - exp(-d).
Term kl_term(KlEstimator estimator, double d) {
  switch (estimator) {
    case KlEstimator::k1:
      return {d, 1.0};
    case KlEstimator::k2:
      return {0.5 * d * d, d};
    case KlEstimator::k3:
      return {k3(clamped(-d)), std::abs(d) > kMaxLogRatio ? 0.0 : 1.0 - std::exp(-d)};
  }
  return {};
}

/// Weight of a token for the worker having sampled from slightly other probabilities than the trainer computes.
double mismatch_weight(const LossConfig& config, double log_mismatch, bool* corrected) {
  const double weight = std::exp(clamped(log_mismatch));
  switch (config.mismatch_correction) {
    case MismatchCorrection::none:
      return 1.0;
    case MismatchCorrection::tis:
      *corrected = weight > config.tis_cap;
      return std::min(weight, config.tis_cap);
    case MismatchCorrection::icepop:
      *corrected = weight < config.icepop_low || weight > config.icepop_high;
      return *corrected ? 0.0 : weight;
  }
  return 1.0;
}

/// What each token's term is multiplied by; the whole batch's weights add up to one (dr_grpo: to the mean length share).
double token_weight(Aggregation aggregation, const BatchDenominator& denominator, std::size_t completion_tokens) {
  switch (aggregation) {
    case Aggregation::token_mean:
      return 1.0 / static_cast<double>(denominator.completion_tokens);
    case Aggregation::sequence_mean:
      return 1.0 / (static_cast<double>(completion_tokens) * static_cast<double>(denominator.completions));
    case Aggregation::dr_grpo:
      return 1.0 / (static_cast<double>(denominator.max_completion_tokens) * static_cast<double>(denominator.completions));
  }
  return 0.0;
}

}  // namespace

void validate(const LossConfig& config) {
  if (config.dual_clip > 0 && config.dual_clip <= 1) {
    throw UserError(concat("/algorithm/loss/dual_clip: expected 0 (off) or a value above 1, got ", config.dual_clip));
  }
}

void completion_loss(const LossConfig& config, const CompletionTerms& terms, const BatchDenominator& denominator,
                     std::span<float> dlogprobs, LossSums& sums) {
  const std::size_t count = terms.logprobs.size();
  LONGBOW_CHECK_EQ(terms.old_logprobs.size(), count);
  LONGBOW_CHECK_EQ(terms.rollout_logprobs.size(), count);
  LONGBOW_CHECK_EQ(dlogprobs.size(), count);
  const bool with_ref = !terms.ref_logprobs.empty();
  if (with_ref) LONGBOW_CHECK_EQ(terms.ref_logprobs.size(), count);
  const double weight = token_weight(config.aggregation, denominator, count);
  for (std::size_t t = 0; t < count; ++t) {
    const double logprob = terms.logprobs[t];
    const double log_ratio = logprob - terms.old_logprobs[t];
    const double log_mismatch = static_cast<double>(terms.old_logprobs[t]) - terms.rollout_logprobs[t];
    bool clipped = false;
    bool corrected = false;
    Term term = policy_term(config, log_ratio, terms.advantage, &clipped);
    const double correction = mismatch_weight(config, log_mismatch, &corrected);
    term.value *= correction;
    term.gradient *= correction;
    if (with_ref) {
      const double d = logprob - terms.ref_logprobs[t];
      if (config.kl_beta > 0) {
        const Term kl = kl_term(config.kl_estimator, d);
        term.value += config.kl_beta * kl.value;
        term.gradient += config.kl_beta * kl.gradient;
      }
      sums.ref_kl += k3(clamped(-d));
    }
    dlogprobs[t] = static_cast<float>(weight * term.gradient);
    const double ratio = std::exp(clamped(log_ratio));
    sums.loss += weight * term.value;
    sums.tokens += 1;
    sums.clipped += clipped ? 1 : 0;
    sums.corrected += corrected ? 1 : 0;
    sums.approx_kl += k3(clamped(log_ratio));
    sums.mismatch_kl += k3(clamped(log_mismatch));
    sums.max_abs_mismatch = std::max(sums.max_abs_mismatch, std::abs(log_mismatch));
    sums.max_ratio = std::max(sums.max_ratio, ratio);
    sums.min_ratio = std::min(sums.min_ratio, ratio);
  }
}

}  // namespace longbow::trainer
