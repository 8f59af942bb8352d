// The sampler against distributions computed here in double: which tokens can be drawn, how often, and with what log-probability.
#include "rollout/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "core/errors.h"
#include "core/random.h"
#include "kernels/logprob.h"

namespace longbow::rollout {
namespace {

std::vector<float> random_logits(int vocab, std::uint64_t seed) {
  Rng rng(seed, {1});
  std::vector<float> logits;
  for (int i = 0; i < vocab; ++i) logits.push_back(static_cast<float>(1.5 * rng.normal()));
  return logits;
}

// Truncation as the header defines it, written as filters over the sorted distribution.
std::vector<double> reference_distribution(const std::vector<float>& logits, const data::SamplingParams& params) {
  const std::size_t vocab = logits.size();
  std::vector<double> p(vocab);
  for (std::size_t i = 0; i < vocab; ++i) p[i] = std::exp(static_cast<double>(logits[i]) / params.temperature);
  std::vector<std::size_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return logits[a] > logits[b]; });
  const auto normalise = [&] {
    const double sum = std::accumulate(p.begin(), p.end(), 0.0);
    for (double& value : p) value /= sum;
  };
  if (params.top_k > 0) {
    for (std::size_t rank = params.top_k; rank < vocab; ++rank) p[order[rank]] = 0;
  }
  normalise();
  double before = 0;
  for (const std::size_t token : order) {
    const double own = p[token];
    if (before >= params.top_p && params.top_p < 1) p[token] = 0;
    before += own;
  }
  const double likeliest = *std::max_element(p.begin(), p.end());
  for (double& value : p) value = value < params.min_p * likeliest ? 0 : value;
  normalise();
  return p;
}

struct Case {
  std::string name;
  data::SamplingParams params;
  int vocab;
};

data::SamplingParams params_of(float temperature, float top_p, int top_k, float min_p) {
  data::SamplingParams params;
  params.temperature = temperature;
  params.top_p = top_p;
  params.top_k = top_k;
  params.min_p = min_p;
  return params;
}

class Distribution : public testing::TestWithParam<Case> {};

TEST_P(Distribution, FrequenciesPassChiSquareAndLogprobsMatch) {
  const auto& [name, params, vocab] = GetParam();
  const std::vector<float> logits = random_logits(vocab, 11);
  const std::vector<double> expected = reference_distribution(logits, params);
  const float lse = kernels::row_logsumexp(logits.data(), vocab, inverse_temperature(params));
  constexpr int kDraws = 40'000;
  std::vector<int> counts(vocab);
  std::vector<std::int32_t> scratch;
  for (int i = 0; i < kDraws; ++i) {
    const SampledToken sampled = sample_token(logits, lse, params, sampling_uniform({5, 0, 0, i % 8, i}), scratch);
    ASSERT_GT(expected[sampled.token], 0) << "token " << sampled.token << " should have been cut";
    ASSERT_NEAR(sampled.logprob, std::log(expected[sampled.token]), 2e-5);
    ++counts[sampled.token];
  }
  double statistic = 0;
  int cells = 0;
  double rare_expected = 0;
  int rare_count = 0;
  for (int token = 0; token < vocab; ++token) {
    const double mean = kDraws * expected[token];
    if (mean < 5) {  // pooled: the approximation needs five in a cell
      rare_expected += mean;
      rare_count += counts[token];
      continue;
    }
    statistic += (counts[token] - mean) * (counts[token] - mean) / mean;
    ++cells;
  }
  if (rare_expected > 5) {
    statistic += (rare_count - rare_expected) * (rare_count - rare_expected) / rare_expected;
    ++cells;
  }
  // Wilson-Hilferty: the 99.9% point of chi-square; the draws are fixed by their keys, so this never flickers.
  const double freedom = std::max(cells - 1, 1);
  const double limit = freedom * std::pow(1 - 2 / (9 * freedom) + 3.09 * std::sqrt(2 / (9 * freedom)), 3);
  EXPECT_LT(statistic, limit) << cells << " cells";
}

INSTANTIATE_TEST_SUITE_P(Parameters, Distribution,
                         testing::Values(Case{"plain", params_of(1, 1, 0, 0), 50}, Case{"cold", params_of(0.6f, 1, 0, 0), 50},
                                         Case{"hot", params_of(1.7f, 1, 0, 0), 50}, Case{"top_k", params_of(1, 1, 7, 0), 50},
                                         Case{"top_p", params_of(1, 0.7f, 0, 0), 50}, Case{"min_p", params_of(1, 1, 0, 0.1f), 50},
                                         Case{"all_three", params_of(0.8f, 0.9f, 20, 0.05f), 50},
                                         Case{"top_k_1", params_of(1, 1, 1, 0), 50},
                                         Case{"top_k_above_vocab", params_of(1, 0.95f, 1000, 0), 50},
                                         Case{"wide_top_p", params_of(1.5f, 0.95f, 0, 0), 2000},
                                         Case{"wide_min_p", params_of(2, 1, 0, 0.001f), 2000}),
                         [](const auto& info) { return info.param.name; });

TEST(Sampler, WholeDistributionLogprobHasTheTrainersBits) {
  const int vocab = 333;
  const std::vector<float> logits = random_logits(vocab, 3);
  const data::SamplingParams params = params_of(0.7f, 1, 0, 0);
  const float scale = inverse_temperature(params);
  EXPECT_EQ(scale, 1.0f / 0.7f);
  const float lse = kernels::row_logsumexp(logits.data(), vocab, scale);
  std::vector<std::int32_t> scratch;
  const SampledToken sampled = sample_token(logits, lse, params, 0.4, scratch);
  const volatile float scaled = scale * logits[sampled.token];  // rounded before the subtraction: no fused multiply-add
  EXPECT_EQ(sampled.logprob, scaled - lse);
}

TEST(Sampler, GreedyTakesTheLowestOfEqualLogitsAtTheModelsOwnProbability) {
  const std::vector<float> logits = {0.0f, 2.0f, 1.0f, 2.0f};
  std::vector<std::int32_t> scratch;
  const float lse = kernels::row_logsumexp(logits.data(), 4, 1.0f);
  const SampledToken sampled = sample_token(logits, lse, params_of(0, 1, 0, 0), 0.999, scratch);
  EXPECT_EQ(sampled.token, 1);
  EXPECT_NEAR(sampled.logprob, 2 - std::log(1 + 2 * std::exp(2.0) + std::exp(1.0)), 1e-6);
}

TEST(Sampler, TopKKeepsTheLowerIdOfEqualLogits) {
  const std::vector<float> logits(8, 1.0f);
  std::vector<std::int32_t> scratch;
  const float lse = kernels::row_logsumexp(logits.data(), 8, 1.0f);
  for (int i = 0; i < 100; ++i) EXPECT_LT(sample_token(logits, lse, params_of(1, 1, 3, 0), i / 100.0, scratch).token, 3);
}

TEST(Sampler, LargestUniformStillGivesAToken) {
  const std::vector<float> logits = random_logits(1000, 4);
  std::vector<std::int32_t> scratch;
  const float lse = kernels::row_logsumexp(logits.data(), 1000, 1.0f);
  for (const auto& params : {params_of(1, 1, 0, 0), params_of(1, 0.9f, 40, 0)}) {
    const SampledToken sampled = sample_token(logits, lse, params, std::nextafter(1.0, 0.0), scratch);
    EXPECT_GE(sampled.token, 0);
    EXPECT_LT(sampled.token, 1000);
    EXPECT_TRUE(std::isfinite(sampled.logprob));
  }
}

TEST(Sampler, EveryPartOfTheKeyChangesTheNumber) {
  const SampleKey base{1, 2, 3, 4, 5};
  const double number = sampling_uniform(base);
  EXPECT_EQ(number, sampling_uniform(base));
  for (const SampleKey& other : {SampleKey{9, 2, 3, 4, 5}, SampleKey{1, 9, 3, 4, 5}, SampleKey{1, 2, 9, 4, 5}, SampleKey{1, 2, 3, 9, 5},
                                 SampleKey{1, 2, 3, 4, 9}, SampleKey{1, 2, 3, 5, 4}}) {
    EXPECT_NE(number, sampling_uniform(other));
  }
}

TEST(Sampler, RefusesLogitsThatAreNotFinite) {
  const std::vector<float> logits = {0.0f, std::numeric_limits<float>::quiet_NaN()};
  std::vector<std::int32_t> scratch;
  EXPECT_THROW(sample_token(logits, std::numeric_limits<float>::quiet_NaN(), params_of(1, 1, 0, 0), 0.5, scratch), UserError);
}

TEST(Sampler, ValidateNamesTheBadValue) {
  const auto message = [](data::SamplingParams params) -> std::string {
    try {
      validate(params);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message(data::SamplingParams{}), "");
  EXPECT_EQ(message(params_of(-1, 1, 0, 0)), "sampling: expected temperature in [0, 100], got -1");
  EXPECT_EQ(message(params_of(1, 0, 0, 0)), "sampling: expected top_p in (0, 1], got 0");
  EXPECT_EQ(message(params_of(1, 1, -2, 0)), "sampling: expected top_k >= 0, got -2");
  EXPECT_EQ(message(params_of(1, 1, 0, 2)), "sampling: expected min_p in [0, 1], got 2");
  EXPECT_NE(message(params_of(std::numeric_limits<float>::quiet_NaN(), 1, 0, 0)), "");
}

}  // namespace
}  // namespace longbow::rollout
