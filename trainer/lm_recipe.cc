#include "trainer/lm_recipe.h"

#include "core/errors.h"

namespace longbow::trainer {

model::ModelConfig make_model_config(const ArchitectureSection& section, int vocab_size, int bos_token_id, int eos_token_id) {
  if (section.num_heads % section.num_kv_heads != 0) {
    throw UserError(
        concat("/model/architecture/num_kv_heads: expected a divisor of num_heads (", section.num_heads, "), got ", section.num_kv_heads));
  }
  if (section.head_dim % 16 != 0)
    throw UserError(concat("/model/architecture/head_dim: expected a multiple of 16, got ", section.head_dim));
  model::ModelConfig config;
  config.family = "smollm3";
  config.vocab_size = vocab_size;
  config.hidden_size = static_cast<int>(section.hidden_size);
  config.intermediate_size = static_cast<int>(section.intermediate_size);
  config.num_heads = static_cast<int>(section.num_heads);
  config.num_kv_heads = static_cast<int>(section.num_kv_heads);
  config.head_dim = static_cast<int>(section.head_dim);
  config.tie_word_embeddings = true;
  config.max_position_embeddings = section.max_position_embeddings;
  config.bos_token_id = bos_token_id;
  config.eos_token_ids = {eos_token_id};
  for (std::int64_t i = 0; i < section.num_layers; ++i) {
    model::LayerConfig layer;
    const bool full = (i + 1) % section.full_attention_every == 0;
    layer.attention = full ? model::AttentionKind::full : model::AttentionKind::sliding;
    layer.window = full ? 0 : static_cast<int>(section.window);
    layer.rope = !full;
    layer.rope_theta = section.rope_theta;
    config.layers.push_back(layer);
  }
  return config;
}

void check_stages(const LmRecipe& recipe) {
  if (recipe.stages.empty()) throw UserError("/stages: expected at least one, got none");
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    if (recipe.stages[i].windows.empty()) throw UserError(concat("/stages/", i, "/windows: expected at least one, got none"));
  }
}

std::int64_t total_steps(const LmRecipe& recipe) {
  std::int64_t steps = 0;
  for (const LmStage& stage : recipe.stages) steps += stage.steps;
  return steps;
}

}  // namespace longbow::trainer
