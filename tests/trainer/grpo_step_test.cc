// A GRPO step on a tiny random model, without network or files.
#include "trainer/grpo_step.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/errors.h"
#include "core/random.h"
#include "trainer/lm_recipe.h"
#include "trainer/lm_step.h"

namespace longbow::trainer {
namespace {

model::ModelConfig tiny_config() {
  ArchitectureSection section;
  section.num_layers = 4;
  section.hidden_size = 32;
  section.intermediate_size = 64;
  section.num_heads = 4;
  section.num_kv_heads = 2;
  section.head_dim = 16;
  section.window = 8;
  return make_model_config(section, 64, 1, 2);
}

class GrpoStepTest : public testing::Test {
 protected:
  std::unique_ptr<Policy> make_policy(kernels::DType dtype = kernels::DType::f32) {
    const model::ModelConfig config = tiny_config();
    return std::make_unique<Policy>(pool_, config,
                                    model::init_weights(config, model::ParameterLayout(config), model::InitScheme::fan_in, 5), dtype);
  }
  static data::Group group_of(std::uint64_t seed, std::vector<int> lengths) {
    Rng rng(seed, {7});
    const auto draw = [&](int count) {
      std::vector<std::int32_t> tokens(count);
      for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(64));
      return tokens;
    };
    data::Group group;
    group.prompt.task = "t";
    group.prompt.tokens = draw(21);
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      data::Completion completion;
      completion.sample_idx = static_cast<std::int64_t>(i);
      completion.tokens = draw(lengths[i]);
      group.completions.push_back(completion);
    }
    return group;
  }
  /// Fills in the log-probabilities that a worker with these weights would have sent.
  static void roll_out(Policy& policy, data::Group& group) {
    const PackedGroup packed = pack_group(group);
    const Scores scores = policy.score(packed, 1.0f, false);
    for (std::size_t i = 0; i < group.completions.size(); ++i) {
      group.completions[i].rollout_logprobs.assign(scores.logprobs.begin() + packed.completion_begin[i],
                                                   scores.logprobs.begin() + packed.completion_begin[i + 1]);
    }
  }
  static double total_logprob(Policy& policy, const data::Group& group, std::size_t completion) {
    const PackedGroup packed = pack_group(group);
    const Scores scores = policy.score(packed, 1.0f, false);
    double sum = 0;
    for (auto i = packed.completion_begin[completion]; i < packed.completion_begin[completion + 1]; ++i) sum += scores.logprobs[i];
    return sum;
  }
  static TrainRecipe recipe() {
    TrainRecipe recipe;
    recipe.rollout.max_completion_tokens = 16;
    recipe.algorithm.steps = 10;
    recipe.optimizer.learning_rate = 1e-3;
    return recipe;
  }

  ThreadPool pool_{2};
};

TEST_F(GrpoStepTest, RaisesWhatWasRewardedAndLowersTheRest) {
  for (kernels::DType dtype : {kernels::DType::f32, kernels::DType::bf16}) {
    const auto policy = make_policy(dtype);
    data::Group group = group_of(1, {5, 9, 1, 7});
    roll_out(*policy, group);
    const double good = total_logprob(*policy, group, 1);
    const double bad = total_logprob(*policy, group, 3);
    Optimizer optimizer(pool_, recipe().optimizer, policy->layout());
    const StepReport report = grpo_step(recipe(), *policy, nullptr, optimizer, {{group, {0, 1, 0, 0}, {0, 1, 0, 0}}}, {});
    EXPECT_EQ(report.sums.mismatch_kl, 0.0);
    EXPECT_EQ(report.sums.max_ratio, 1.0);
    EXPECT_EQ(report.sums.tokens, 22);
    EXPECT_EQ(report.trained_rows, 21 + 4 + 8 + 0 + 6);
    EXPECT_EQ(report.repeated_rows, 4 * 21 + 22);
    EXPECT_GT(total_logprob(*policy, group, 1), good);
    EXPECT_LT(total_logprob(*policy, group, 3), bad);
  }
}

TEST_F(GrpoStepTest, PromptOnceEqualsPromptRepeated) {
  const auto policy = make_policy();
  const data::Group group = group_of(2, {6, 3, 11});
  std::vector<float> gradients[2];
  std::vector<float> logprobs[2];
  for (int i = 0; i < 2; ++i) {
    const PackedGroup packed = pack_group(group, i == 0 ? PromptPacking::once : PromptPacking::repeated);
    policy->zero_gradient();
    logprobs[i] = policy->score(packed, 1.0f, true).logprobs;
    std::vector<float> dlogprobs(logprobs[i].size());
    for (std::size_t t = 0; t < dlogprobs.size(); ++t) dlogprobs[t] = std::sin(static_cast<float>(t));
    policy->backward(packed, 1.0f, dlogprobs);
    gradients[i].assign(policy->gradient(), policy->gradient() + policy->layout().total);
  }
  ASSERT_EQ(logprobs[0].size(), logprobs[1].size());
  for (std::size_t t = 0; t < logprobs[0].size(); ++t) EXPECT_EQ(logprobs[0][t], logprobs[1][t]) << t;
  double norm = 0;
  double difference = 0;
  for (std::size_t i = 0; i < gradients[0].size(); ++i) {
    norm += double(gradients[0][i]) * gradients[0][i];
    difference += std::pow(double(gradients[0][i]) - gradients[1][i], 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-5);
}

TEST_F(GrpoStepTest, AnEmptyCompletionDoesNotDisturbItsPeers) {
  const auto policy = make_policy();
  data::Group group = group_of(3, {5, 0, 4});
  roll_out(*policy, group);
  Optimizer optimizer(pool_, recipe().optimizer, policy->layout());
  const StepReport report = grpo_step(recipe(), *policy, nullptr, optimizer, {{group, {1, 0, 0}, {1, 0, 0}}}, {});
  EXPECT_EQ(report.sums.tokens, 9);
  EXPECT_TRUE(std::isfinite(report.grad_norm));
  EXPECT_GT(report.grad_norm, 0);
}

TEST_F(GrpoStepTest, AGroupWithoutSpreadTeachesNothing) {
  const auto policy = make_policy();
  data::Group group = group_of(4, {5, 4});
  roll_out(*policy, group);
  const std::vector<float> before(policy->weights().values.data(), policy->weights().values.data() + policy->layout().total);
  Optimizer optimizer(pool_, recipe().optimizer, policy->layout());
  const StepReport report = grpo_step(recipe(), *policy, nullptr, optimizer, {{group, {1, 1}, {1, 1}}}, {});
  EXPECT_EQ(report.zero_spread_groups, 1);
  EXPECT_EQ(report.grad_norm, 0.0);
  EXPECT_EQ(std::memcmp(before.data(), policy->weights().values.data(), before.size() * sizeof(float)), 0);
}

TEST_F(GrpoStepTest, MicroBatchesShareOneDenominator) {
  // Two groups of different lengths: the gradient is that of all tokens' mean, not the mean of two means.
  const auto policy = make_policy();
  std::vector<ScoredGroup> groups;
  for (std::uint64_t seed : {5u, 6u}) {
    data::Group group = group_of(seed, seed == 5 ? std::vector<int>{12, 10} : std::vector<int>{1, 2});
    roll_out(*policy, group);
    groups.push_back({group, {1, 0}, {1, 0}});
  }
  Optimizer optimizer(pool_, recipe().optimizer, policy->layout());
  const StepReport report = grpo_step(recipe(), *policy, nullptr, optimizer, groups, {});
  // With ratio 1 the loss is -Σ A / tokens: advantages are ±1/(2 std) of {0, 1}.
  const double advantage = 0.5 / (std::sqrt(0.5) + 1e-6);
  EXPECT_NEAR(report.sums.loss, -(advantage * (12 - 10) + advantage * (1 - 2)) / 25, 1e-9);
}

TEST_F(GrpoStepTest, TheReferenceKlPullsBack) {
  const auto policy = make_policy();
  const auto reference = make_policy();
  data::Group group = group_of(8, {6, 6});
  roll_out(*policy, group);
  TrainRecipe with_kl = recipe();
  with_kl.algorithm.loss.kl_beta = 0.1;
  Optimizer optimizer(pool_, with_kl.optimizer, policy->layout());
  StepReport report;
  for (int step = 0; step < 4; ++step) {
    report = grpo_step(with_kl, *policy, reference.get(), optimizer, {{group, {1, 0}, {1, 0}}}, {step, false});
    roll_out(*policy, group);
    if (step == 0) {
      EXPECT_EQ(report.sums.ref_kl, 0.0);
    }
  }
  EXPECT_TRUE(report.has_ref_kl);
  EXPECT_GT(report.sums.ref_kl, 0.0);
}

TEST_F(GrpoStepTest, NextTokenStepsLowerBothLosses) {
  std::vector<data::LmDocument> documents(3);
  for (std::size_t i = 0; i < documents.size(); ++i) {
    const data::Group group = group_of(20 + i, {8});
    documents[i].append(group.prompt.tokens, data::TargetKind::text);
    documents[i].append(group.completions[0].tokens, data::TargetKind::answer);
  }
  for (const kernels::DType moments : {kernels::DType::f32, kernels::DType::bf16}) {
    SCOPED_TRACE(kernels::name_of(moments));
    const auto policy = make_policy();
    OptimizerConfig config;
    config.moment_dtype = moments;
    Optimizer optimizer(pool_, config, policy->layout());
    LmStepOptions options;
    options.learning_rate = 3e-3;
    options.micro_batch_tokens = 40;  // two micro-batches
    const LmStepReport first = lm_step(*policy, optimizer, documents, options);
    EXPECT_EQ(first.answer.tokens, 24);
    EXPECT_EQ(first.text.tokens, 60);
    LmStepReport last;
    for (int i = 0; i < 20; ++i) last = lm_step(*policy, optimizer, documents, options);
    EXPECT_LT(last.answer.loss, 0.5 * first.answer.loss);
    EXPECT_LT(last.text.loss, 0.8 * first.text.loss);
  }
}

}  // namespace
}  // namespace longbow::trainer
