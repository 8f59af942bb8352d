// The decoder in float64, written from the models' definition and from nothing of ours: one token sequence in, all
// log-probabilities out, dense masks, no cache, no packing. Slow and plain on purpose.
// Numerics: RoPE frequencies are rounded to f32, as the model's definition has them; everything else is f64.
#pragma once

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/config.h"

namespace longbow::reference {

using Tensors = std::map<std::string, std::vector<double>>;  // by Hugging Face name, row-major
using Rows = std::vector<std::vector<double>>;

inline std::vector<double> multiply(const std::vector<double>& weight, const std::vector<double>& x) {
  std::vector<double> y(weight.size() / x.size());
  for (std::size_t o = 0; o < y.size(); ++o) {
    for (std::size_t i = 0; i < x.size(); ++i) y[o] += weight[o * x.size() + i] * x[i];
  }
  return y;
}

inline std::vector<double> rms_norm(const std::vector<double>& x, const std::vector<double>& weight, double eps) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  const double scale = 1 / std::sqrt(sum / static_cast<double>(x.size()) + eps);
  std::vector<double> y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = x[i] * scale * weight[i];
  return y;
}

inline void rotate_heads(std::vector<double>& x, int head_dim, double theta, std::size_t position) {
  for (std::size_t head = 0; head < x.size(); head += head_dim) {
    for (int i = 0; i < head_dim / 2; ++i) {
      const double frequency = static_cast<float>(std::pow(theta, -2.0 * i / head_dim));
      const double c = std::cos(static_cast<double>(position) * frequency);
      const double s = std::sin(static_cast<double>(position) * frequency);
      const double first = x[head + i];
      const double second = x[head + i + head_dim / 2];
      x[head + i] = first * c - second * s;
      x[head + i + head_dim / 2] = second * c + first * s;
    }
  }
}

/// One query token's attention output over all heads; `window` 0 is full.
inline std::vector<double> attend(const model::ModelConfig& config, const Rows& q, const Rows& k, const Rows& v, std::size_t row,
                                  int window) {
  const int dim = config.head_dim;
  std::vector<double> out(q[row].size());
  for (int head = 0; head < config.num_heads; ++head) {
    const int kv_head = head / (config.num_heads / config.num_kv_heads);
    std::vector<double> weights;
    const std::size_t first = window > 0 && row + 1 > static_cast<std::size_t>(window) ? row + 1 - window : 0;
    double sum = 0;
    double largest = -1e300;
    for (std::size_t key = first; key <= row; ++key) {
      double score = 0;
      for (int d = 0; d < dim; ++d) score += q[row][head * dim + d] * k[key][kv_head * dim + d];
      weights.push_back(score / std::sqrt(static_cast<double>(dim)));
      largest = std::max(largest, weights.back());
    }
    for (double& weight : weights) sum += weight = std::exp(weight - largest);
    for (std::size_t key = first; key <= row; ++key) {
      for (int d = 0; d < dim; ++d) out[head * dim + d] += weights[key - first] / sum * v[key][kv_head * dim + d];
    }
  }
  return out;
}

/// [tokens][vocab]: the natural log-probabilities of the token that follows each position.
inline Rows next_token_logprobs(const model::ModelConfig& config, const Tensors& tensors, const std::vector<std::int32_t>& tokens) {
  const auto weight = [&](std::size_t layer, const std::string& name) -> const std::vector<double>& {
    return tensors.at("model.layers." + std::to_string(layer) + "." + name + ".weight");
  };
  const std::vector<double>& embedding = tensors.at("model.embed_tokens.weight");
  Rows x;
  for (const std::int32_t token : tokens) {
    const auto begin = embedding.begin() + static_cast<std::int64_t>(token) * config.hidden_size;
    x.emplace_back(begin, begin + config.hidden_size);
  }
  for (std::size_t layer = 0; layer < config.layers.size(); ++layer) {
    const model::LayerConfig& description = config.layers[layer];
    Rows q, k, v;
    for (std::size_t row = 0; row < x.size(); ++row) {
      const std::vector<double> normed = rms_norm(x[row], weight(layer, "input_layernorm"), config.rms_norm_eps);
      q.push_back(multiply(weight(layer, "self_attn.q_proj"), normed));
      k.push_back(multiply(weight(layer, "self_attn.k_proj"), normed));
      v.push_back(multiply(weight(layer, "self_attn.v_proj"), normed));
      if (description.rope) {
        rotate_heads(q.back(), config.head_dim, description.rope_theta, row);
        rotate_heads(k.back(), config.head_dim, description.rope_theta, row);
      }
    }
    const int window = description.attention == model::AttentionKind::sliding ? description.window : 0;
    for (std::size_t row = 0; row < x.size(); ++row) {
      const std::vector<double> attended = multiply(weight(layer, "self_attn.o_proj"), attend(config, q, k, v, row, window));
      for (std::size_t i = 0; i < x[row].size(); ++i) x[row][i] += attended[i];
      const std::vector<double> normed = rms_norm(x[row], weight(layer, "post_attention_layernorm"), config.rms_norm_eps);
      std::vector<double> gate = multiply(weight(layer, "mlp.gate_proj"), normed);
      const std::vector<double> up = multiply(weight(layer, "mlp.up_proj"), normed);
      for (std::size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
      const std::vector<double> mlp = multiply(weight(layer, "mlp.down_proj"), gate);
      for (std::size_t i = 0; i < x[row].size(); ++i) x[row][i] += mlp[i];
    }
  }
  const std::vector<double>& head = config.tie_word_embeddings ? embedding : tensors.at("lm_head.weight");
  Rows logprobs;
  for (const std::vector<double>& row : x) {
    std::vector<double> logits = multiply(head, rms_norm(row, tensors.at("model.norm.weight"), config.rms_norm_eps));
    double largest = logits[0];
    for (const double logit : logits) largest = std::max(largest, logit);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - largest);
    for (double& logit : logits) logit -= largest + std::log(sum);
    logprobs.push_back(std::move(logits));
  }
  return logprobs;
}

}  // namespace longbow::reference
