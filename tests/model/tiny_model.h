// A model small enough to check against scalar code, and the passes over it that the tests compare.
#pragma once

#include <algorithm>
#include <cstring>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/random.h"
#include "core/thread_pool.h"
#include "kernels/logprob.h"
#include "model/transformer.h"
#include "tests/reference/transformer.h"

namespace longbow::model {

/// 4 layers, sliding with RoPE and full without in turn, grouped heads, widths that differ from one another.
inline ModelConfig tiny_config(int window = 5, bool tied = true) {
  ModelConfig config;
  config.family = "smollm3";
  config.vocab_size = 61;
  config.hidden_size = 32;
  config.intermediate_size = 48;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.tie_word_embeddings = tied;
  config.max_position_embeddings = 4096;
  for (int i = 0; i < 4; ++i) {
    const bool sliding = i % 2 == 0;
    config.layers.push_back({sliding ? AttentionKind::sliding : AttentionKind::full, sliding ? window : 0, sliding, 1e4});
  }
  return config;
}

/// One log-probability that a loss counts: of `target`, predicted from packed row `row`.
struct Target {
  std::int64_t row;
  std::int32_t token;
  float weight;
};

struct LossAndGradient {
  std::vector<float> hidden;    // [wanted rows, hidden_size]
  std::vector<float> logprobs;  // [targets]
  std::vector<float> gradient;  // of Σ weight · logprob; layout order
};

struct TinyModel {
  ModelConfig config;
  ParameterLayout layout;
  Weights weights;
  mutable ThreadPool pool;

  explicit TinyModel(ModelConfig description, int num_threads = 2)
      : config(std::move(description)), layout(config), weights(init_weights(config, layout, InitScheme::fan_in, 7)), pool(num_threads) {
    Rng rng(11, {1});  // norms of exactly one would hide a forgotten weight
    for (const ParameterInfo& parameter : layout.parameters) {
      if (parameter.shape.size() != 1) continue;
      for (std::int64_t i = 0; i < parameter.size; ++i) weights.values[parameter.offset + i] = static_cast<float>(0.5 + rng.uniform());
    }
  }

  PackedModel packed(kernels::DType dtype = kernels::DType::f32) const { return {pool, config, layout, weights.values.data(), dtype}; }

  LossAndGradient train(const TrainBatch& batch, const std::vector<Target>& targets, kernels::DType dtype = kernels::DType::f32,
                        std::int64_t activation_budget_bytes = kActivationBudgetBytes) const {
    const PackedModel model = packed(dtype);
    TrainingPass pass(pool, config, layout, activation_budget_bytes);
    const std::vector<std::int32_t> wanted = wanted_rows(batch);
    const auto rows = static_cast<std::int64_t>(wanted.size());
    const auto state_of = [&](std::int64_t row) { return std::lower_bound(wanted.begin(), wanted.end(), row) - wanted.begin(); };
    const auto count = static_cast<std::int64_t>(targets.size());
    const std::int64_t dim = config.hidden_size;
    LossAndGradient result{{}, std::vector<float>(count), std::vector<float>(layout.total)};
    const float* hidden = pass.forward(model, batch, true);
    result.hidden.assign(hidden, hidden + rows * dim);
    kernels::Buffer<float> gathered(count * dim);
    kernels::Buffer<float> dgathered(count * dim);
    kernels::Buffer<float> dhidden(rows * dim);
    std::vector<std::int32_t> tokens;
    std::vector<float> dlogprobs;
    for (std::int64_t i = 0; i < count; ++i) {
      std::memcpy(gathered.data() + i * dim, hidden + state_of(targets[i].row) * dim, sizeof(float) * dim);
      tokens.push_back(targets[i].token);
      dlogprobs.push_back(targets[i].weight);
    }
    kernels::lm_head_logprobs(pool, gathered.data(), count, model.head(), tokens.data(), 1, result.logprobs.data(), nullptr, nullptr);
    kernels::lm_head_backward(pool, gathered.data(), count, model.head(), weights.values.data() + layout.head, tokens.data(), 1,
                              dlogprobs.data(), nullptr, dgathered.data(), result.gradient.data() + layout.head);
    for (std::int64_t i = 0; i < count; ++i) {
      for (std::int64_t d = 0; d < dim; ++d) dhidden[state_of(targets[i].row) * dim + d] += dgathered[i * dim + d];
    }
    pass.backward(model, weights.values.data(), batch, dhidden.data(), result.gradient.data());
    return result;
  }

  reference::Tensors reference_tensors() const {
    reference::Tensors tensors;
    for (const ParameterInfo& parameter : layout.parameters) {
      const float* values = weights.values.data() + parameter.offset;
      tensors[parameter.name] = {values, values + parameter.size};
    }
    return tensors;
  }
};

inline std::vector<std::int32_t> random_tokens(int count, int vocab_size, std::uint64_t seed) {
  Rng rng(seed, {2});
  std::vector<std::int32_t> tokens(count);
  for (std::int32_t& token : tokens) token = static_cast<std::int32_t>(rng.below(vocab_size));
  return tokens;
}

/// Appends a segment; returns its index.
inline int append_segment(TrainBatch& batch, const std::vector<std::int32_t>& tokens, std::int64_t first_position = 0, int prefix = -1) {
  const auto first_row = static_cast<std::int64_t>(batch.tokens.size());
  const auto count = static_cast<std::int64_t>(tokens.size());
  batch.tokens.insert(batch.tokens.end(), tokens.begin(), tokens.end());
  for (std::int64_t i = 0; i < count; ++i) batch.position_ids.push_back(static_cast<std::int32_t>(first_position + i));
  batch.segments.push_back({first_row, count, first_position, prefix});
  return static_cast<int>(batch.segments.size()) - 1;
}

/// The same batch with only those rows wanted that predict a target, as far as segments can say it.
inline TrainBatch want_targets_only(TrainBatch batch, const std::vector<Target>& targets) {
  for (kernels::TrainSegment& segment : batch.segments) {
    segment.first_query = segment.num_rows;
    for (const Target& target : targets) {
      const std::int64_t row = target.row - segment.first_row;
      if (row >= 0 && row < segment.num_rows) segment.first_query = std::min(segment.first_query, row);
    }
  }
  return batch;
}

/// A prompt and completions, each completion token a weighted target; packed with the prompt once, or repeated for each.
struct TinyGroup {
  std::vector<std::int32_t> prompt;
  std::vector<std::vector<std::int32_t>> completions;
  std::vector<std::vector<float>> weights;

  TinyGroup(int prompt_length, const std::vector<int>& completion_lengths, int vocab_size) {
    prompt = random_tokens(prompt_length, vocab_size, 3);
    Rng rng(5, {4});
    for (std::size_t i = 0; i < completion_lengths.size(); ++i) {
      completions.push_back(random_tokens(completion_lengths[i], vocab_size, 100 + i));
      std::vector<float>& weight = weights.emplace_back();
      for (int t = 0; t < completion_lengths[i]; ++t) weight.push_back(static_cast<float>(rng.normal()));
    }
  }

  std::pair<TrainBatch, std::vector<Target>> pack(bool once) const {
    TrainBatch batch;
    std::vector<Target> targets;
    const auto prompt_rows = static_cast<std::int64_t>(prompt.size());
    int shared = once ? append_segment(batch, prompt) : -1;
    for (std::size_t i = 0; i < completions.size(); ++i) {
      if (!once) shared = append_segment(batch, prompt);
      const std::int64_t last_prompt_row = batch.segments[shared].first_row + prompt_rows - 1;
      const int own = append_segment(batch, completions[i], prompt_rows, shared);
      for (std::size_t t = 0; t < completions[i].size(); ++t) {
        const std::int64_t row = t == 0 ? last_prompt_row : batch.segments[own].first_row + static_cast<std::int64_t>(t) - 1;
        targets.push_back({row, completions[i][t], weights[i][t]});
      }
    }
    return {batch, targets};
  }

  /// The same loss in float64, every completion a whole sequence of its own.
  double reference_loss(const ModelConfig& config, const reference::Tensors& tensors) const {
    double loss = 0;
    for (std::size_t i = 0; i < completions.size(); ++i) {
      std::vector<std::int32_t> tokens = prompt;
      tokens.insert(tokens.end(), completions[i].begin(), completions[i].end());
      const reference::Rows logprobs = reference::next_token_logprobs(config, tensors, tokens);
      for (std::size_t t = 0; t < completions[i].size(); ++t) {
        loss += weights[i][t] * logprobs[prompt.size() + t - 1][completions[i][t]];
      }
    }
    return loss;
  }
};

}  // namespace longbow::model
