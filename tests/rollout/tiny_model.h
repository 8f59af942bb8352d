// A random hybrid model small enough for unit tests: sliding and full layers alternate, the window is shorter than a key block,
// so prompts and completions of a few hundred tokens wrap every ring.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/random.h"
#include "model/transformer.h"
#include "model/weights.h"
#include "rollout/engine.h"

namespace longbow::rollout {

inline model::ModelConfig tiny_config() {
  model::ModelConfig config;
  config.family = "smollm3";
  config.vocab_size = 96;
  config.hidden_size = 32;
  config.intermediate_size = 64;
  config.num_heads = 4;
  config.num_kv_heads = 2;
  config.head_dim = 16;
  config.max_position_embeddings = 4096;
  config.bos_token_id = 1;
  config.eos_token_ids = {2};
  for (int i = 0; i < 4; ++i) {
    model::LayerConfig layer;
    layer.attention = i % 2 == 0 ? model::AttentionKind::sliding : model::AttentionKind::full;
    layer.window = i % 2 == 0 ? 20 : 0;
    layer.rope = i % 2 == 0;
    config.layers.push_back(layer);
  }
  return config;
}

/// The model with random weights of `seed`, packed.
struct TinyModel {
  explicit TinyModel(int num_threads = 2, std::uint64_t seed = 1, kernels::DType dtype = kernels::DType::f32)
      : pool(num_threads), layout(config), weights(model::init_weights(config, layout, model::InitScheme::fan_in, seed)) {
    // Sharper than a fresh model, so that completions differ and depend on what they read.
    for (std::int64_t i = 0; i < layout.total; ++i) weights.values[i] *= 1.7f;
    packed = std::make_unique<model::PackedModel>(pool, config, layout, weights.values.data(), dtype);
  }
  kernels::Buffer<float> copy_of_weights() const {
    kernels::Buffer<float> copy(layout.total);
    std::copy(weights.values.data(), weights.values.data() + layout.total, copy.data());
    return copy;
  }
  model::ModelConfig config = tiny_config();
  ThreadPool pool;
  model::ParameterLayout layout;
  model::Weights weights;
  std::unique_ptr<model::PackedModel> packed;
};

inline std::vector<std::int32_t> random_tokens(std::int64_t count, std::uint64_t seed, int vocab_size = 96) {
  Rng rng(seed, {stable_hash("test prompt")});
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i) tokens.push_back(static_cast<std::int32_t>(rng.below(vocab_size)));
  return tokens;
}

inline GroupRequest make_request(std::uint64_t id, std::int64_t prompt_tokens, std::int32_t group_size,
                                 std::int32_t max_completion_tokens) {
  GroupRequest request;
  request.lease_id = id;
  request.prompt.item_id = "item";
  request.prompt.task = "task";
  request.prompt.step = 3;
  request.prompt.prompt_idx = static_cast<std::int64_t>(id);
  request.prompt.tokens = random_tokens(prompt_tokens, id);
  request.group_size = group_size;
  request.sampling.max_completion_tokens = max_completion_tokens;
  request.sampling.seed = 7;
  return request;
}

/// Steps until the engine is idle.
inline std::vector<FinishedGroup> run_all(Engine& engine) {
  std::vector<FinishedGroup> done;
  while (!engine.is_idle()) {
    for (FinishedGroup& group : engine.step()) done.push_back(std::move(group));
  }
  return done;
}

}  // namespace longbow::rollout
