// The models that `longbow bench` runs: random, made in memory, of the m105 shape (8 layers, hidden 1024, MLP 3072, 8 query and 2 kv
// heads of 128, vocabulary 8192 tied, 104.9M parameters).
#pragma once

#include <cstdint>
#include <vector>

#include "model/config.h"
#include "peers/peer_inputs.h"
#include "tools/visible_pairs.h"

namespace longbow::tools {

inline constexpr int kBenchWindow = 128;

/// One layer in `full_every` attends in full and without rotary embedding, the others slide with it; 1: all are full, and rotate.
inline model::ModelConfig m105_config(int full_every) {
  model::ModelConfig config;
  config.family = "smollm3";
  config.vocab_size = 8192;
  config.hidden_size = 1024;
  config.intermediate_size = 3072;
  config.num_heads = 8;
  config.num_kv_heads = 2;
  config.head_dim = 128;
  config.max_position_embeddings = 1 << 17;
  for (int i = 0; i < 8; ++i) {
    const bool full = (i + 1) % full_every == 0;
    config.layers.push_back({.attention = full ? model::AttentionKind::full : model::AttentionKind::sliding,
                             .window = full ? 0 : kBenchWindow,
                             .rope = !full || full_every == 1});
  }
  return config;
}

/// A prompt and the completions that continue it.
struct GroupShape {
  std::int64_t prompt, completion, group;
};

/// Multiply-adds that a forward pass cannot do without, by what they count: a weight and row, a visible pair and channel. The prompt is
/// there once; its rows become no more than keys and values in the last layer, and only completions' tokens need the head.
struct GroupWork {
  double weights = 0, pairs = 0;
};
inline GroupWork group_work(const model::ModelConfig& config, const GroupShape& shape) {
  const auto prompt = static_cast<double>(shape.prompt), completion = static_cast<double>(shape.completion);
  const auto group = static_cast<double>(shape.group), answers = group * completion;
  const double hidden = config.hidden_size, q = config.num_heads * config.head_dim, kv = config.num_kv_heads * config.head_dim;
  const double layer_weights = hidden * (2 * q + 2 * kv + 3 * config.intermediate_size);
  GroupWork work{.weights = answers * hidden * config.vocab_size};
  for (std::size_t i = 0; i < config.layers.size(); ++i) {
    const bool last = i + 1 == config.layers.size();
    const double window = config.layers[i].window;
    work.weights += answers * layer_weights + prompt * (last ? hidden * 2 * kv : layer_weights);
    work.pairs += q * (group * visible_pairs(prompt, completion, window) + (last ? 0 : visible_pairs(0, prompt, window)));
  }
  return work;
}
inline double forward_flop(const model::ModelConfig& config, const GroupShape& shape) {
  const GroupWork work = group_work(config, shape);
  return 2 * work.weights + 4 * work.pairs;
}
/// Forward and backward; attention's scores are computed again.
inline double training_flop(const model::ModelConfig& config, const GroupShape& shape) {
  const GroupWork work = group_work(config, shape);
  return 6 * work.weights + 14 * work.pairs;
}

inline std::vector<std::int32_t> bench_tokens(std::int64_t count, int vocab, std::uint64_t salt) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<std::int32_t>((peers::peer_input(static_cast<std::uint64_t>(i), salt) + 0.5f) * 128 * 64) % vocab);
  return tokens;
}

}  // namespace longbow::tools
