// The recipe of next-token training: `pretrain` starts from an architecture, `sft` from a model. Training runs in stages of
// growing context, window and difficulty, because a tiny hybrid learns to retrieve only when it starts short (docs/results.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/json.h"
#include "model/config.h"
#include "trainer/optimizer.h"
#include "trainer/recipe.h"

namespace longbow::trainer {

/// A decoder whose layers alternate between sliding windows with RoPE and full attention without positions.
struct ArchitectureSection {
  std::int64_t num_layers = 8;
  std::int64_t hidden_size = 256;
  std::int64_t intermediate_size = 768;
  std::int64_t num_heads = 4;
  std::int64_t num_kv_heads = 2;
  std::int64_t head_dim = 64;
  std::int64_t full_attention_every = 2;
  std::int64_t window = 128;
  double rope_theta = 10000;
  std::int64_t max_position_embeddings = 131072;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("num_layers", num_layers, {.help = "Decoder layers.", .min = 1, .max = 1024});
    v.field("hidden_size", hidden_size, {.help = "Width of the residual stream.", .min = 16, .max = 65536});
    v.field("intermediate_size", intermediate_size, {.help = "Width of the SwiGLU block.", .min = 16, .max = 1 << 20});
    v.field("num_heads", num_heads, {.help = "Query heads.", .min = 1, .max = 1024});
    v.field("num_kv_heads", num_kv_heads, {.help = "Key and value heads; divides num_heads.", .min = 1, .max = 1024});
    v.field("head_dim", head_dim, {.help = "Width of a head; a multiple of 16.", .min = 16, .max = 256});
    v.field("full_attention_every", full_attention_every,
            {.help = "Every this many layers one is full attention without position; the others slide.", .min = 1});
    v.field("window", window,
            {.help = "Visible keys of a sliding layer, the current one included, in the saved model.", .unit = "tokens", .min = 1});
    v.field("rope_theta", rope_theta, {.help = "RoPE base of the sliding layers.", .min = 1});
    v.field("max_position_embeddings", max_position_embeddings,
            {.help = "Longest context that the saved config claims.", .unit = "tokens", .min = 1});
  }
};

struct LmModelSection {
  std::string init_from;
  std::string tokenizer;
  ArchitectureSection architecture;
  ComputeType dtype = ComputeType::float32;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("init_from", init_from, {.help = "Hugging Face directory to start from; empty: a fresh model of `architecture`."});
    v.field("tokenizer", tokenizer, {.help = "Folder with the tokenizer files; empty: that of init_from."});
    v.section("architecture", architecture, "Shape of a fresh model; not used with init_from.");
    v.choice("dtype", dtype, {{"float32", ComputeType::float32}, {"bfloat16", ComputeType::bfloat16}}, {.help = "Compute type."});
  }
};

/// One kind of document and how often it is drawn.
struct MixtureEntry {
  std::string kind;
  double weight = 1;
  Json knobs = Json::object();
  double outright_share = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("kind", kind, {.help = "text, facts, recall, items, or a task's name (docs/data.md).", .required = true});
    v.field("weight", weight, {.help = "Share of the documents, relative to the others.", .min = 0});
    v.field("knobs", knobs, {.help = "The kind's own settings."});
    v.field("outright_share", outright_share,
            {.help = "Share of a task's answers that are given outright, without the steps that lead to them.", .min = 0, .max = 1});
  }
};

struct LmStage {
  std::string name;
  std::int64_t steps = 100;
  std::int64_t tokens_per_step = 4096;
  std::int64_t context_tokens = 128;
  std::vector<std::int64_t> windows = {128};
  double learning_rate_scale = 1;
  double form_token_weight = 1;
  double copied_token_weight = 1;
  std::vector<MixtureEntry> mixture;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("name", name, {.help = "Name in the metrics.", .required = true});
    v.field("steps", steps, {.help = "Optimizer steps of the stage.", .unit = "steps", .min = 1});
    v.field("tokens_per_step", tokens_per_step, {.help = "Tokens of a step.", .unit = "tokens", .min = 1});
    v.field("context_tokens", context_tokens, {.help = "Length of a document.", .unit = "tokens", .min = 16, .max = 1 << 20});
    v.field("windows", windows,
            {.help = "Windows of the sliding layers in this stage; each step draws one, so a value listed twice comes twice as often.",
             .unit = "tokens",
             .min = 1});
    v.field("learning_rate_scale", learning_rate_scale, {.help = "Multiplies the schedule's learning rate.", .min = 0, .max = 100});
    v.field("form_token_weight", form_token_weight,
            {.help = "Weight, in the answers' mean loss, of a token of a word that most answers of its kind share.", .min = 0, .max = 1});
    v.field("copied_token_weight", copied_token_weight,
            {.help = "The same of the tokens that go on with any other word; those that begin one weigh 1.", .min = 0, .max = 1});
    v.section("mixture", mixture, "What the documents are.");
  }
};

struct LmRecipe {
  std::string description;
  std::int64_t seed = 0;
  std::int64_t threads = 0;
  std::string wordnet = "/usr/share/wordnet";
  std::int64_t invented_names = 0;
  LmModelSection model;
  std::vector<LmStage> stages;
  double text_loss_weight = 0.3;
  double answer_loss_weight = 1.0;
  OptimizerConfig optimizer;
  CheckpointSection checkpoint;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("description", description, {.help = "What the recipe does, how long it takes and how much memory.", .required = true});
    v.field("seed", seed, {.help = "Every random choice of the run follows from it.", .min = 0});
    v.field("threads", threads, {.help = "Compute threads; 0: one per processor.", .min = 0, .max = 1024});
    v.field("wordnet", wordnet, {.help = "Folder of WordNet's dict files."});
    v.field("invented_names", invented_names,
            {.help = "Names made up beside WordNet's, so that a small model copies names instead of knowing them.", .min = 0, .max = 1e6});
    v.section("model", model, "The model.");
    v.section("stages", stages, "Training stages, in order.");
    v.field("text_loss_weight", text_loss_weight, {.help = "Weight of the mean loss over text tokens.", .min = 0});
    v.field("answer_loss_weight", answer_loss_weight, {.help = "Weight of the mean loss over answer tokens.", .min = 0});
    v.section("optimizer", optimizer, "AdamW.");
    v.section("checkpoint", checkpoint, "What is kept.");
  }
};

/// The model that `section` describes, with `vocab_size` rows and the tokenizer's special ids. Throws UserError for contradictions.
model::ModelConfig make_model_config(const ArchitectureSection& section, int vocab_size, int bos_token_id, int eos_token_id);

/// Throws UserError for a recipe without stages, or a stage without a window.
void check_stages(const LmRecipe& recipe);

/// Steps of all stages.
std::int64_t total_steps(const LmRecipe& recipe);

}  // namespace longbow::trainer
