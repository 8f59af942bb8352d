#include "tools/run_plan.h"

#include <algorithm>
#include <span>

#include "kernels/logprob.h"
#include "model/decoder_layer.h"
#include "model/weights.h"
#include "rollout/kv_cache.h"
#include "tools/visible_pairs.h"
#include "trainer/lm_step.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kFloat = sizeof(float);
constexpr std::int64_t kCorpusBytes = std::int64_t{128} << 20;  // WordNet and what is drawn from it for a step, as seen

kernels::DType dtype_of(trainer::ComputeType type) {
  return type == trainer::ComputeType::float32 ? kernels::DType::f32 : kernels::DType::bf16;
}

/// Parameters by what multiplies them.
struct ParameterCounts {
  std::int64_t all, embedding, head, layers;
  explicit ParameterCounts(const model::ModelConfig& config)
      : all(model::ParameterLayout(config).total),
        embedding(std::int64_t{config.vocab_size} * config.hidden_size),
        head(embedding),
        layers(all - embedding * (config.tie_word_embeddings ? 1 : 2)) {}
};

/// Panels and the embedding's rows in the compute type.
std::int64_t packed_bytes(const ParameterCounts& counts, kernels::DType dtype) {
  return (counts.layers + counts.head + counts.embedding) * kernels::size_of(dtype);
}

/// One batch as the trainer runs it.
struct BatchShape {
  std::int64_t rows, active_rows, targets;  // active: computed to the end of the last layer
};

/// What a block of rows needs within a layer, forward and backward, kept for the whole run. Where everything is kept, the forward pass
/// writes gate and up rows where they stay.
std::int64_t block_bytes(const model::ModelConfig& config, model::KeptActivations kept, std::int64_t rows) {
  const model::RowWidths widths(config);
  const std::int64_t mlp = (kept == model::KeptActivations::everything ? 1 : 3) * widths.intermediate;
  const std::int64_t forward = widths.hidden + mlp + widths.q;
  const std::int64_t backward = widths.hidden + 3 * widths.intermediate + widths.q + std::max(widths.q, 2 * widths.kv);
  return std::min(rows, model::kRowsAtOnce) * (forward + backward) * kFloat;
}

/// Arrays as long as the batch besides activations: gradients of the residual stream and around attention, keys and values packed for
/// the forward and for the backward pass, hidden states of active rows and targets with their gradients.
std::int64_t row_gradient_bytes(const model::ModelConfig& config, const BatchShape& batch, kernels::DType dtype) {
  const model::RowWidths widths(config);
  const std::int64_t row = (widths.hidden + widths.q + widths.qkv) * kFloat + (2 + 3) * widths.kv * kernels::size_of(dtype);
  const std::int64_t apart = batch.active_rows < batch.rows ? batch.active_rows : 0;
  return batch.rows * row + (apart + 2 * batch.active_rows + 2 * batch.targets) * widths.hidden * kFloat;
}

/// Rows in flight of a pass that keeps nothing: the trainer's scoring, or an engine's step.
std::int64_t forward_bytes(const model::ModelConfig& config, std::int64_t rows) {
  const model::RowWidths widths(config);
  const std::int64_t block = std::min(rows, model::kRowsAtOnce) * (widths.hidden + 3 * widths.intermediate + widths.q);
  return (rows * (2 * widths.hidden + widths.qkv + widths.q) + block) * kFloat;
}

/// Sum over layers of query width times pairs: times 4 it is the forward FLOP of attention, times 14 forward and backward.
double attention_work(const model::ModelConfig& config, double start, double rows, std::int64_t window_override = 0,
                      std::size_t layers_left_out = 0) {
  double work = 0;
  for (const model::LayerConfig& layer : std::span(config.layers).first(config.layers.size() - layers_left_out)) {
    const bool slides = layer.attention == model::AttentionKind::sliding;
    const double window = !slides ? 0.0 : static_cast<double>(window_override > 0 ? window_override : layer.window);
    work += visible_pairs(start, rows, window) * config.num_heads * config.head_dim;
  }
  return work;
}

/// FLOP that a backward pass adds to compute again what was not kept, per multiply-add of a row and per visible pair and channel.
struct Recomputed {
  double products = 0, attention = 0;
};
Recomputed recomputed(const model::ModelConfig& config, model::KeptActivations kept) {
  if (kept == model::KeptActivations::everything) return {};
  const model::RowWidths widths(config);
  const double mlp = 3.0 * static_cast<double>(widths.intermediate), whole = mlp + static_cast<double>(widths.qkv + widths.q);
  const double gate_and_up = 2.0 / 3 * mlp / whole;
  if (kept == model::KeptActivations::all_but_mlp) return {2 * gate_and_up, 0};
  return {2 * (gate_and_up + static_cast<double>(widths.qkv + widths.q) / whole), 4};
}

std::vector<MemoryPart> trainer_memory(const model::ModelConfig& config, kernels::DType dtype, kernels::DType moments,
                                       const BatchShape& batch, model::KeptActivations kept) {
  const ParameterCounts counts(config);
  const std::int64_t logits = kernels::logprob_tile_rows(config.vocab_size) * config.vocab_size;
  return {{"weights, float32", counts.all * kFloat},
          {"weights, packed", packed_bytes(counts, dtype)},
          {"gradients", counts.all * kFloat},
          {"optimizer moments", 2 * counts.all * kernels::size_of(moments)},
          {"activations", model::kept_bytes(config, kept, batch.rows, batch.active_rows)},
          {"gradients of rows", row_gradient_bytes(config, batch, dtype)},
          {"scratch of a layer", block_bytes(config, kept, batch.rows)},
          {"logits tile", logits * kFloat}};
}

}  // namespace

std::int64_t ProcessPlan::bytes() const {
  std::int64_t sum = 0;
  for (const MemoryPart& part : parts) sum += part.bytes;
  return sum;
}

std::int64_t RunPlan::bytes() const {
  std::int64_t sum = 0;
  for (const ProcessPlan& process : processes) sum += process.count * process.bytes();
  return sum;
}

RunPlan plan_grpo(const trainer::TrainRecipe& recipe, const model::ModelConfig& config) {
  const trainer::RolloutSection& rollout = recipe.rollout;
  const trainer::AlgorithmSection& algorithm = recipe.algorithm;
  const kernels::DType dtype = dtype_of(recipe.model.dtype);
  const ParameterCounts counts(config);
  const std::int64_t prompt = recipe.data.max_prompt_tokens, completion = rollout.max_completion_tokens, group = rollout.group_size;
  const std::int64_t rows = prompt + group * (completion - 1);  // a completion's last token is never fed back
  const bool every_step = algorithm.loss.kl_beta > 0;
  const bool has_reference = every_step || algorithm.ref_kl_every > 0;

  RunPlan plan;
  plan.kind = "grpo";
  plan.model = config;
  plan.bfloat16 = dtype == kernels::DType::bf16;
  plan.threads = recipe.threads;
  plan.decode_rows = rollout.concurrent_groups * group;
  plan.prompt_once_ratio = static_cast<double>(group * (prompt + completion)) / static_cast<double>(rows);
  plan.group_cache_bytes = rollout::group_cache_bytes(config, dtype, {prompt, group, completion, rollout.prefill_chunk});
  plan.kv_budget_bytes = rollout.kv_budget_mib << 20;

  const BatchShape batch{rows, rows - prompt + 1, group * completion};
  plan.kept = model::choose_kept(config, batch.rows, batch.active_rows, recipe.activation_budget_mib << 20);
  ProcessPlan learner{"learner", 1, trainer_memory(config, dtype, recipe.optimizer.moment_dtype, batch, plan.kept)};
  if (has_reference) learner.parts.push_back({"model at the start", counts.all * kFloat + packed_bytes(counts, dtype)});
  if (has_reference || algorithm.mini_batches > 1) learner.parts.push_back({"scoring pass", forward_bytes(config, rows)});
  // The newest beside the version before, whose pages the next one takes.
  learner.parts.push_back({"published weights", 2 * counts.all * kernels::size_of(dtype)});
  ProcessPlan worker{"worker", rollout.workers, {}};
  const std::int64_t groups = std::min(rollout.concurrent_groups,
                                       std::max<std::int64_t>(1, plan.kv_budget_bytes / std::max<std::int64_t>(1, plan.group_cache_bytes)));
  worker.parts = {{"weights, packed", packed_bytes(counts, dtype)},
                  {"weights on their way", counts.all * kernels::size_of(dtype)},
                  {"KV cache", std::min(plan.kv_budget_bytes, 2 * groups * plan.group_cache_bytes)},  // finished prompts stay a while
                  {"logits", groups * group * config.vocab_size * kFloat},
                  {"scratch", forward_bytes(config, groups * group + rollout.prefill_chunk)}};
  plan.processes = {std::move(learner), std::move(worker)};

  const double prompts = static_cast<double>(algorithm.prompts_per_step), tokens = static_cast<double>(group * completion);
  const double layers = static_cast<double>(counts.layers), head = static_cast<double>(counts.head);
  const double prefix = static_cast<double>(prompt), own = static_cast<double>(completion), many = static_cast<double>(group);
  // In the last layer a prompt needs only keys and values: no queries, no output projection, no MLP.
  const model::RowWidths widths(config);
  const double left_out = layers / static_cast<double>(config.layers.size()) - 2.0 * static_cast<double>(widths.kv * widths.hidden);
  const double prompt_work = attention_work(config, 0, prefix, 0, 1), own_work = many * attention_work(config, prefix, own);
  const double row_products = layers * static_cast<double>(rows) - left_out * prefix;  // multiply-adds of all rows
  const double forward_gemm = 2 * row_products + 2 * head * tokens, forward_attention = 4 * (prompt_work + own_work);
  StagePlan step{"step", algorithm.steps, {}};
  step.phases.push_back({"prefill", prompts * prefix, prompts * 2 * (layers - left_out) * prefix, 0, prompts * 4 * prompt_work});
  step.phases.push_back({"decode", prompts * tokens, 0, prompts * 2 * (layers + head) * tokens, prompts * 4 * own_work});
  double scorings = algorithm.mini_batches > 1 ? 1 : 0;
  if (has_reference) scorings += every_step ? 1 : 1 / static_cast<double>(algorithm.ref_kl_every);
  if (scorings > 0) {
    const double share = scorings * prompts;
    step.phases.push_back({"score", share * static_cast<double>(rows), share * forward_gemm, 0, share * forward_attention});
  }
  // Backward: twice the forward products; the head's logits and attention's scores are computed again, and what was not kept.
  const Recomputed again = recomputed(config, plan.kept);
  step.phases.push_back({"train", prompts * static_cast<double>(rows), prompts * ((6 + again.products) * row_products + 8 * head * tokens),
                         0, prompts * (14 + again.attention) * (prompt_work + own_work)});
  plan.stages.push_back(std::move(step));
  return plan;
}

RunPlan plan_next_token(const trainer::LmRecipe& recipe, const model::ModelConfig& config) {
  const kernels::DType dtype = dtype_of(recipe.model.dtype);
  const ParameterCounts counts(config);
  RunPlan plan;
  trainer::check_stages(recipe);
  plan.kind = "next-token";
  plan.model = config;
  plan.bfloat16 = dtype == kernels::DType::bf16;
  plan.threads = recipe.threads;
  std::int64_t most_rows = 0;
  for (const trainer::LmStage& stage : recipe.stages) {
    const std::int64_t rows = stage.tokens_per_step + stage.context_tokens;  // the last document may pass the step's tokens
    most_rows = std::max(most_rows, std::min(rows, std::max(trainer::LmStepOptions{}.micro_batch_tokens, stage.context_tokens)));
  }
  plan.kept = model::choose_kept(config, most_rows, most_rows, model::kActivationBudgetBytes);
  const Recomputed again = recomputed(config, plan.kept);
  for (const trainer::LmStage& stage : recipe.stages) {
    const auto tokens = static_cast<double>(stage.tokens_per_step), context = static_cast<double>(stage.context_tokens);
    const double work =
        tokens / context * attention_work(config, 0, context, *std::max_element(stage.windows.begin(), stage.windows.end()));
    const double products = (6 + again.products) * static_cast<double>(counts.layers) + 8 * static_cast<double>(counts.head);
    plan.stages.push_back({stage.name, stage.steps, {{"train", tokens, products * tokens, 0, (14 + again.attention) * work}}});
  }
  plan.processes = {
      {"trainer", 1, trainer_memory(config, dtype, recipe.optimizer.moment_dtype, {most_rows, most_rows, most_rows}, plan.kept)}};
  plan.processes[0].parts.push_back({"corpus, documents", kCorpusBytes});
  return plan;
}

}  // namespace longbow::tools
