#include "trainer/loss.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/errors.h"
#include "core/random.h"

namespace longbow::trainer {
namespace {

struct Tokens {
  std::vector<float> logprobs, old_logprobs, rollout_logprobs, ref_logprobs;
};

Tokens random_tokens(std::size_t count, double spread, std::uint64_t seed) {
  Rng rng(seed, {1});
  Tokens tokens;
  for (std::size_t i = 0; i < count; ++i) {
    const double base = -0.2 - 3 * rng.uniform();
    tokens.old_logprobs.push_back(static_cast<float>(base));
    tokens.logprobs.push_back(static_cast<float>(base + spread * rng.normal()));
    tokens.rollout_logprobs.push_back(static_cast<float>(base + 0.3 * spread * rng.normal()));
    tokens.ref_logprobs.push_back(static_cast<float>(base + spread * rng.normal()));
  }
  return tokens;
}

LossSums run(const LossConfig& config, const Tokens& tokens, double advantage, const BatchDenominator& denominator,
             std::vector<float>* gradient) {
  LossSums sums;
  gradient->assign(tokens.logprobs.size(), 0.0f);
  completion_loss(config, {tokens.logprobs, tokens.old_logprobs, tokens.rollout_logprobs, tokens.ref_logprobs, advantage}, denominator,
                  *gradient, sums);
  return sums;
}

/// The loss written down a second time, from the papers, in the plainest form.
double reference_loss(const LossConfig& config, const Tokens& tokens, double advantage, const BatchDenominator& denominator) {
  double total = 0;
  for (std::size_t t = 0; t < tokens.logprobs.size(); ++t) {
    const double ratio = std::exp(double(tokens.logprobs[t]) - tokens.old_logprobs[t]);
    const double clipped = std::min(std::max(ratio, 1 - config.eps_clip_low), 1 + config.eps_clip_high);
    double objective = std::min(ratio * advantage, clipped * advantage);
    if (config.dual_clip > 0 && advantage < 0) objective = std::max(objective, config.dual_clip * advantage);
    double weight = std::exp(double(tokens.old_logprobs[t]) - tokens.rollout_logprobs[t]);
    if (config.mismatch_correction == MismatchCorrection::none) weight = 1;
    if (config.mismatch_correction == MismatchCorrection::tis) weight = std::min(weight, config.tis_cap);
    if (config.mismatch_correction == MismatchCorrection::icepop && (weight < config.icepop_low || weight > config.icepop_high)) weight = 0;
    double term = -objective * weight;
    const double d = double(tokens.logprobs[t]) - tokens.ref_logprobs[t];
    if (config.kl_estimator == KlEstimator::k1) term += config.kl_beta * d;
    if (config.kl_estimator == KlEstimator::k2) term += config.kl_beta * d * d / 2;
    if (config.kl_estimator == KlEstimator::k3) term += config.kl_beta * (std::exp(-d) + d - 1);
    if (config.aggregation == Aggregation::token_mean) term /= double(denominator.completion_tokens);
    if (config.aggregation == Aggregation::sequence_mean) term /= double(tokens.logprobs.size()) * double(denominator.completions);
    if (config.aggregation == Aggregation::dr_grpo) term /= double(denominator.max_completion_tokens) * double(denominator.completions);
    total += term;
  }
  return total;
}

std::vector<LossConfig> all_configs() {
  std::vector<LossConfig> configs;
  for (auto aggregation : {Aggregation::token_mean, Aggregation::sequence_mean, Aggregation::dr_grpo}) {
    for (auto correction : {MismatchCorrection::none, MismatchCorrection::tis, MismatchCorrection::icepop}) {
      for (auto estimator : {KlEstimator::k1, KlEstimator::k2, KlEstimator::k3}) {
        LossConfig config;
        config.aggregation = aggregation;
        config.mismatch_correction = correction;
        config.kl_estimator = estimator;
        config.kl_beta = 0.1;
        config.tis_cap = 1.2;
        config.icepop_low = 0.8;
        config.icepop_high = 1.3;
        configs.push_back(config);
        config.dual_clip = 1.5;
        configs.push_back(config);
      }
    }
  }
  return configs;
}

TEST(Loss, ValueAndGradientMatchTheFormula) {
  const BatchDenominator denominator{57, 5, 32};
  const Tokens tokens = random_tokens(23, 0.5, 3);
  for (const LossConfig& config : all_configs()) {
    for (double advantage : {1.7, -0.9}) {
      std::vector<float> gradient;
      const LossSums sums = run(config, tokens, advantage, denominator, &gradient);
      EXPECT_NEAR(sums.loss, reference_loss(config, tokens, advantage, denominator), 1e-9);
      for (std::size_t t = 0; t < tokens.logprobs.size(); ++t) {
        Tokens up = tokens;
        Tokens down = tokens;
        up.logprobs[t] += 1e-3f;
        down.logprobs[t] -= 1e-3f;
        const double step = double(up.logprobs[t]) - down.logprobs[t];
        const double expected =
            (reference_loss(config, up, advantage, denominator) - reference_loss(config, down, advantage, denominator)) / step;
        EXPECT_NEAR(gradient[t], expected, 2e-4) << "token " << t;
      }
    }
  }
}

TEST(Loss, EqualPoliciesGiveRatioOneAndNoMismatch) {
  Tokens tokens = random_tokens(9, 0, 4);
  tokens.logprobs = tokens.rollout_logprobs = tokens.ref_logprobs = tokens.old_logprobs;
  std::vector<float> gradient;
  const LossSums sums = run({}, tokens, 2.0, {9, 1, 16}, &gradient);
  EXPECT_EQ(sums.mismatch_kl, 0.0);
  EXPECT_EQ(sums.approx_kl, 0.0);
  EXPECT_EQ(sums.ref_kl, 0.0);
  EXPECT_EQ(sums.max_ratio, 1.0);
  EXPECT_EQ(sums.min_ratio, 1.0);
  EXPECT_EQ(sums.clipped, 0.0);
  for (float value : gradient) EXPECT_FLOAT_EQ(value, -2.0f / 9);
}

TEST(Loss, ClipsOnlyWhereTheClipWouldLowerTheObjective) {
  LossConfig config;
  config.mismatch_correction = MismatchCorrection::none;
  struct Case {
    float log_ratio;
    double advantage;
    bool clipped;
  };
  for (const Case& test :
       {Case{0.5f, 1, true}, {0.5f, -1, false}, {-0.5f, 1, false}, {-0.5f, -1, true}, {0.2f, 1, false}, {0.25f, 1, true}}) {
    Tokens tokens{{-1 + test.log_ratio}, {-1}, {-1}, {}};
    std::vector<float> gradient;
    const LossSums sums = run(config, tokens, test.advantage, {1, 1, 1}, &gradient);
    EXPECT_EQ(sums.clipped, test.clipped ? 1 : 0) << test.log_ratio << " " << test.advantage;
    EXPECT_EQ(gradient[0] == 0.0f, test.clipped);
  }
}

TEST(Loss, HugeRatiosStayFinite) {
  Tokens tokens{{-0.1f}, {-200.0f}, {-0.1f}, {-300.0f}};
  LossConfig config;
  config.kl_beta = 1;
  std::vector<float> gradient;
  const LossSums sums = run(config, tokens, -1, {1, 1, 1}, &gradient);
  EXPECT_TRUE(std::isfinite(sums.loss));
  EXPECT_TRUE(std::isfinite(gradient[0]));
}

TEST(Loss, AnEmptyCompletionAddsNothing) {
  std::vector<float> gradient;
  const LossSums sums = run({}, {}, 1, {1, 1, 1}, &gradient);
  EXPECT_EQ(sums.tokens, 0);
  EXPECT_EQ(sums.loss, 0);
}

TEST(Loss, RefusesADualClipThatInverts) {
  LossConfig config;
  config.dual_clip = 0.5;
  EXPECT_THROW(validate(config), UserError);
}

}  // namespace
}  // namespace longbow::trainer
