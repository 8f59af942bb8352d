// What a checkpoint's config.json says, as one explicit description per layer. A family is a description, not a program:
// everything that differs between layers or families stands here as a value that `transformer` obeys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/json.h"

namespace longbow::model {

enum class AttentionKind { full, sliding };

struct LayerConfig {
  AttentionKind attention = AttentionKind::full;
  int window = 0;  // visible keys, the current one included; 0 for full attention
  bool rope = true;
  double rope_theta = 1e4;
};

struct ModelConfig {
  std::string family;  // config.json's model_type
  int vocab_size = 0;
  int hidden_size = 0;
  int intermediate_size = 0;
  int num_heads = 0;
  int num_kv_heads = 0;
  int head_dim = 0;
  float rms_norm_eps = 1e-6f;
  bool tie_word_embeddings = true;
  std::int64_t max_position_embeddings = 0;
  std::vector<LayerConfig> layers;
  std::optional<int> bos_token_id;
  std::vector<int> eos_token_ids;
  std::optional<int> pad_token_id;

  std::int64_t num_parameters() const;
};

/// Reads a config.json of family smollm3 or llama as transformers reads it, defaults included; both RoPE spellings
/// (`rope_parameters`, and `rope_theta` with `rope_scaling`). Every number is bounded, so that nothing computed from a
/// config overflows. Throws UserError for an unknown family, an unsupported feature (named, with its JSON pointer), or
/// values that contradict each other.
ModelConfig read_model_config(const std::string& dir);
ModelConfig parse_model_config(const Json& config, const std::string& source);

/// The Hugging Face config.json that read_model_config reads back, `model_type` smollm3 with explicit layer_types,
/// no_rope_layers (1 = RoPE), use_sliding_window and sliding_window. Throws UserError where smollm3 cannot say it.
Json model_config_to_json(const ModelConfig& config, const std::string& dtype);

}  // namespace longbow::model
