// The whole model's gradient against central differences of the float64 reference, entry by entry and along random
// directions, and the identities that packing must keep.
#include <gtest/gtest.h>

#include <cmath>

#include "model/saved_activations.h"
#include "tests/model/tiny_model.h"

namespace longbow::model {
namespace {

constexpr double kStep = 1e-5;
constexpr double kRelative = 2e-5;  // some hundred roundings of 2^-24 in sequence
constexpr double kFloor = 2e-7;     // where the true gradient is zero: a softmax over one key

double dot(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return sum;
}

/// |a - b| / |b|.
double relative_distance(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0;
  double norm = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(static_cast<double>(a[i]) - b[i], 2);
    norm += std::pow(static_cast<double>(b[i]), 2);
  }
  return std::sqrt(difference / norm);
}

double tensor_norm(const std::vector<float>& gradient, const ParameterInfo& parameter) {
  double sum = 0;
  for (std::int64_t i = 0; i < parameter.size; ++i) sum += std::pow(static_cast<double>(gradient[parameter.offset + i]), 2);
  return std::sqrt(sum);
}

struct Case {
  const char* name;
  ModelConfig config;
  int prompt_length;
  std::vector<int> completion_lengths;
};

std::vector<Case> cases() {
  ModelConfig all_rope = tiny_config(0);
  for (LayerConfig& layer : all_rope.layers) layer = {AttentionKind::full, 0, true, 1e4};
  ModelConfig many_heads = tiny_config(3);
  many_heads.num_kv_heads = 4;
  many_heads.rms_norm_eps = 1e-2f;
  return {{"group over a window", tiny_config(5), 9, {4, 1, 6}},
          {"untied head", tiny_config(5, false), 6, {5}},
          {"window of one token", tiny_config(1), 4, {4, 3}},
          {"full attention with RoPE", all_rope, 7, {4, 4}},
          {"no grouped heads, large eps", many_heads, 3, {7}}};
}

TEST(Gradient, EveryTensorMatchesCentralDifferencesOfTheFloat64Reference) {
  for (const Case& test : cases()) {
    SCOPED_TRACE(test.name);
    const TinyModel model(test.config);
    const TinyGroup group(test.prompt_length, test.completion_lengths, test.config.vocab_size);
    const auto [batch, targets] = group.pack(true);
    const LossAndGradient result = model.train(batch, targets);
    reference::Tensors tensors = model.reference_tensors();
    double loss = 0;
    for (std::size_t i = 0; i < targets.size(); ++i) loss += targets[i].weight * result.logprobs[i];
    EXPECT_NEAR(loss, group.reference_loss(test.config, tensors), 2e-5);

    Rng rng(23, {1});
    for (const ParameterInfo& parameter : model.layout.parameters) {
      SCOPED_TRACE(parameter.name);
      const double scale = tensor_norm(result.gradient, parameter) / std::sqrt(static_cast<double>(parameter.size));
      for (int sample = 0; sample < 4; ++sample) {
        const auto i = static_cast<std::int64_t>(rng.below(parameter.size));
        double& value = tensors[parameter.name][i];
        const double kept = value;
        value = kept + kStep;
        const double above = group.reference_loss(test.config, tensors);
        value = kept - kStep;
        const double below = group.reference_loss(test.config, tensors);
        value = kept;
        const double expected = (above - below) / (2 * kStep);
        EXPECT_NEAR(result.gradient[parameter.offset + i], expected, kRelative * (std::abs(expected) + scale) + kFloor) << "entry " << i;
      }
    }
  }
}

TEST(Gradient, DirectionalDerivativesCoverEveryEntry) {
  const Case test = cases()[0];
  const TinyModel model(test.config);
  const TinyGroup group(test.prompt_length, test.completion_lengths, test.config.vocab_size);
  const auto [batch, targets] = group.pack(true);
  const std::vector<float> gradient = model.train(batch, targets).gradient;
  const double norm = std::sqrt(dot(gradient, gradient));
  for (int trial = 0; trial < 6; ++trial) {
    Rng rng(29, {static_cast<std::uint64_t>(trial)});
    std::vector<float> direction(model.layout.total);
    for (float& value : direction) value = static_cast<float>(rng.normal());
    const auto shifted_loss = [&](double step) {
      reference::Tensors tensors = model.reference_tensors();
      for (const ParameterInfo& parameter : model.layout.parameters) {
        for (std::int64_t i = 0; i < parameter.size; ++i) tensors[parameter.name][i] += step * direction[parameter.offset + i];
      }
      return group.reference_loss(test.config, tensors);
    };
    const double expected = (shifted_loss(kStep) - shifted_loss(-kStep)) / (2 * kStep);
    EXPECT_NEAR(dot(gradient, direction), expected, 2e-5 * norm) << "direction " << trial;
  }
}

TEST(Gradient, PromptOnceEqualsPromptRepeated) {
  const TinyModel model(tiny_config(40));
  const TinyGroup group(150, {30, 1, 90, 64}, model.config.vocab_size);  // across key blocks of 64
  const auto [once_batch, once_targets] = group.pack(true);
  const auto [repeated_batch, repeated_targets] = group.pack(false);
  const LossAndGradient once = model.train(once_batch, once_targets);
  const LossAndGradient repeated = model.train(repeated_batch, repeated_targets);
  EXPECT_EQ(once.logprobs, repeated.logprobs);  // bit for bit
  EXPECT_LT(relative_distance(once.gradient, repeated.gradient), 2e-6);
  for (const ParameterInfo& parameter : model.layout.parameters) {
    const double norm = tensor_norm(repeated.gradient, parameter);
    for (std::int64_t i = 0; i < parameter.size; ++i) {
      const std::int64_t at = parameter.offset + i;
      ASSERT_NEAR(once.gradient[at], repeated.gradient[at], 1e-5 * norm) << parameter.name << " entry " << i;
    }
  }
}

TEST(Gradient, RowsThatPredictNothingNeedNoMoreThanKeysAndValuesInTheLastLayer) {
  for (const kernels::DType dtype : {kernels::DType::f32, kernels::DType::bf16}) {
    for (const int prompt_length : {1, 70, 2500}) {  // the longest has blocks of rows without any that is wanted
      SCOPED_TRACE(testing::Message() << kernels::name_of(dtype) << ", prompt of " << prompt_length);
      const TinyModel model(tiny_config(40));
      const auto [batch, targets] = TinyGroup(prompt_length, {30, 1, 64}, model.config.vocab_size).pack(true);
      const TrainBatch fewer = want_targets_only(batch, targets);
      ASSERT_EQ(fewer.segments[0].first_query, prompt_length - 1);
      const LossAndGradient all = model.train(batch, targets, dtype);
      const LossAndGradient wanted = model.train(fewer, targets, dtype);
      EXPECT_EQ(wanted.hidden.size(), wanted_rows(fewer).size() * model.config.hidden_size);
      EXPECT_EQ(wanted.logprobs, all.logprobs);  // bit for bit
      EXPECT_LT(relative_distance(wanted.gradient, all.gradient), dtype == kernels::DType::f32 ? 2e-6 : 2e-3);
    }
  }
}

TEST(Gradient, WantedRowsMatchCentralDifferencesWithTargetsInTheMiddle) {
  const TinyModel model(tiny_config(5));
  const std::vector<std::int32_t> tokens = random_tokens(24, model.config.vocab_size, 31);
  TrainBatch batch;
  append_segment(batch, tokens);
  const std::vector<Target> targets = {{9, tokens[10], 0.7f}, {15, tokens[16], -1.1f}, {22, tokens[23], 0.4f}};
  const TrainBatch fewer = want_targets_only(batch, targets);
  ASSERT_EQ(fewer.segments[0].first_query, 9);
  const LossAndGradient all = model.train(batch, targets);
  const LossAndGradient wanted = model.train(fewer, targets);
  EXPECT_EQ(wanted.logprobs, all.logprobs);
  EXPECT_LT(relative_distance(wanted.gradient, all.gradient), 2e-6);
}

TEST(Gradient, HasTheSameBitsHoweverManyActivationsAreKept) {
  for (const kernels::DType dtype : {kernels::DType::f32, kernels::DType::bf16}) {
    const TinyModel model(tiny_config(40));
    const auto [whole, targets] = TinyGroup(2500, {90, 1, 64}, model.config.vocab_size).pack(true);
    const TrainBatch batch = want_targets_only(whole, targets);
    const auto rows = static_cast<std::int64_t>(batch.tokens.size()), active = static_cast<std::int64_t>(wanted_rows(batch).size());
    const LossAndGradient expected = model.train(batch, targets, dtype);
    for (const KeptActivations kept : {KeptActivations::all_but_mlp, KeptActivations::layer_inputs}) {
      const std::int64_t budget = kept_bytes(model.config, kept, rows, active);
      ASSERT_EQ(choose_kept(model.config, rows, active, budget), kept);
      const LossAndGradient result = model.train(batch, targets, dtype, budget);
      EXPECT_EQ(result.logprobs, expected.logprobs) << name_of(kept);
      EXPECT_EQ(result.gradient, expected.gradient) << name_of(kept);
    }
  }
}

TEST(Activations, AreAsManyAsTheBudgetHolds) {
  const ModelConfig config = tiny_config();
  constexpr std::int64_t kRows = 1000, kActive = 300;
  const std::int64_t everything = kept_bytes(config, KeptActivations::everything, kRows, kActive);
  const std::int64_t some = kept_bytes(config, KeptActivations::all_but_mlp, kRows, kActive);
  const std::int64_t inputs = kept_bytes(config, KeptActivations::layer_inputs, kRows, kActive);
  EXPECT_LT(inputs, some);
  EXPECT_LT(some, everything);
  EXPECT_EQ(choose_kept(config, kRows, kActive, everything), KeptActivations::everything);
  EXPECT_EQ(choose_kept(config, kRows, kActive, everything - 1), KeptActivations::all_but_mlp);
  EXPECT_EQ(choose_kept(config, kRows, kActive, some - 1), KeptActivations::layer_inputs);
  EXPECT_EQ(choose_kept(config, kRows, kActive, 0), KeptActivations::layer_inputs);
  for (const KeptActivations kept : {KeptActivations::everything, KeptActivations::all_but_mlp, KeptActivations::layer_inputs}) {
    SavedActivations saved;
    saved.reserve(config, kRows, kActive, kept);
    std::int64_t floats = saved.output.size();
    const auto add = [&](const SavedActivations::Layer& layer) {
      for (const auto* buffer : {&layer.input, &layer.qkv, &layer.attention, &layer.lse, &layer.middle, &layer.gate_up})
        floats += buffer->size();
    };
    for (const SavedActivations::Layer& layer : saved.layers) add(layer);
    add(saved.working);
    EXPECT_EQ(floats * 4, kept_bytes(config, kept, kRows, kActive)) << name_of(kept);
  }
}

TEST(Gradient, PackedSequencesEqualSequencesAlone) {
  const TinyModel model(tiny_config(5));
  TrainBatch packed;
  std::vector<Target> packed_targets;
  std::vector<float> alone_logprobs;
  std::vector<float> alone_gradient(model.layout.total);
  for (const int length : {3, 70, 1, 12}) {
    TrainBatch batch;
    std::vector<Target> targets;
    const std::vector<std::int32_t> tokens = random_tokens(length, model.config.vocab_size, length);
    append_segment(batch, tokens);
    const int segment = append_segment(packed, tokens);
    for (int t = 0; t < length; ++t) {
      const float weight = 0.25f * static_cast<float>(t % 5) - 0.4f;
      targets.push_back({t, tokens[(t + 1) % length], weight});
      packed_targets.push_back({packed.segments[segment].first_row + t, tokens[(t + 1) % length], weight});
    }
    const LossAndGradient alone = model.train(batch, targets);
    alone_logprobs.insert(alone_logprobs.end(), alone.logprobs.begin(), alone.logprobs.end());
    for (std::size_t i = 0; i < alone_gradient.size(); ++i) alone_gradient[i] += alone.gradient[i];
  }
  const LossAndGradient together = model.train(packed, packed_targets);
  EXPECT_EQ(together.logprobs, alone_logprobs);
  EXPECT_LT(relative_distance(together.gradient, alone_gradient), 2e-6);
}

TEST(Gradient, HasTheSameBitsWhateverTheThreadCount) {
  for (const kernels::DType dtype : {kernels::DType::f32, kernels::DType::bf16}) {
    const TinyModel one(tiny_config(5), 1);
    const TinyModel three(tiny_config(5), 3);
    const auto [batch, targets] = TinyGroup(80, {70, 9}, one.config.vocab_size).pack(true);
    const LossAndGradient a = one.train(batch, targets, dtype);
    const LossAndGradient b = three.train(batch, targets, dtype);
    EXPECT_EQ(a.hidden, b.hidden);
    EXPECT_EQ(a.logprobs, b.logprobs);
    EXPECT_EQ(a.gradient, b.gradient);
  }
}

TEST(Gradient, Bfloat16PointsWhereFloat32Does) {
  const TinyModel model(tiny_config(5));
  const auto [batch, targets] = TinyGroup(20, {10, 9}, model.config.vocab_size).pack(true);
  const std::vector<float> exact = model.train(batch, targets).gradient;
  const std::vector<float> rounded = model.train(batch, targets, kernels::DType::bf16).gradient;
  EXPECT_GT(dot(exact, rounded) / std::sqrt(dot(exact, exact) * dot(rounded, rounded)), 0.999);
  EXPECT_LT(relative_distance(rounded, exact), 0.05);  // a dozen roundings of 2^-9 each, worst layer's amplification included
}

TEST(Gradient, AddsToWhatIsThere) {
  const TinyModel model(tiny_config(5));
  const auto [batch, targets] = TinyGroup(6, {5}, model.config.vocab_size).pack(true);
  const PackedModel packed = model.packed();
  TrainingPass pass(model.pool, model.config, model.layout);
  pass.forward(packed, batch, true);
  std::vector<float> dhidden(batch.tokens.size() * model.config.hidden_size, 0.5f);
  std::vector<float> once(model.layout.total);
  std::vector<float> on_top(model.layout.total, 1.0f);
  pass.backward(packed, model.weights.values.data(), batch, dhidden.data(), once.data());
  pass.backward(packed, model.weights.values.data(), batch, dhidden.data(), on_top.data());
  for (std::size_t i = 0; i < once.size(); ++i) ASSERT_NEAR(on_top[i], once[i] + 1, 1e-5 * (1 + std::abs(once[i])));
}

}  // namespace
}  // namespace longbow::model
