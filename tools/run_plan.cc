#include "tools/run_plan.h"

#include <algorithm>

#include "kernels/logprob.h"
#include "model/saved_activations.h"
#include "model/weights.h"
#include "rollout/kv_cache.h"
#include "trainer/lm_step.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kFloat = sizeof(float);

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

/// Panels in the compute type, and the embedding and norms as f32 rows.
std::int64_t packed_bytes(const ParameterCounts& counts, kernels::DType dtype) {
  return (counts.layers + counts.head) * kernels::size_of(dtype) + counts.embedding * kFloat;
}

/// What a forward pass over `rows` keeps for its backward pass.
std::int64_t saved_bytes(const model::ModelConfig& config, std::int64_t rows) {
  const model::RowWidths widths(config);
  const std::int64_t layer = 2 * widths.hidden + widths.qkv + widths.q + config.num_heads + 2 * widths.intermediate;
  return rows * (static_cast<std::int64_t>(config.layers.size()) * layer + widths.hidden) * kFloat;
}

/// Scratch of one layer, forward and backward, kept for the whole run.
std::int64_t layer_scratch_bytes(const model::ModelConfig& config, std::int64_t rows, kernels::DType dtype) {
  const model::RowWidths widths(config);
  const std::int64_t forward = 2 * widths.hidden + widths.intermediate;
  const std::int64_t backward = 5 * widths.hidden + 4 * widths.intermediate + widths.q + widths.qkv;
  return rows * ((forward + backward) * kFloat + 2 * widths.kv * kernels::size_of(dtype));
}

/// Scratch of an engine's forward pass, which saves nothing.
std::int64_t engine_scratch_bytes(const model::ModelConfig& config, std::int64_t rows) {
  const model::RowWidths widths(config);
  return rows * (4 * widths.hidden + widths.qkv + widths.q + 3 * widths.intermediate) * kFloat;
}

/// Query-key pairs of `rows` rows that begin `start` keys into their sequence, of a layer with `window` (0: all).
double visible_pairs(double start, double rows, double window) {
  const double all = rows * start + rows * (rows + 1) / 2;
  if (window == 0 || start + rows <= window) return all;
  const double growing = std::clamp(window - start, 0.0, rows);  // rows that still see everything before them
  return growing * start + growing * (growing + 1) / 2 + (rows - growing) * window;
}

/// Sum over layers of query width times pairs: times 4 it is the forward FLOP of attention, times 14 forward and backward.
double attention_work(const model::ModelConfig& config, double start, double rows, std::int64_t window_override = 0) {
  double work = 0;
  for (const model::LayerConfig& layer : config.layers) {
    const bool slides = layer.attention == model::AttentionKind::sliding;
    const double window = !slides ? 0.0 : static_cast<double>(window_override > 0 ? window_override : layer.window);
    work += visible_pairs(start, rows, window) * config.num_heads * config.head_dim;
  }
  return work;
}

std::vector<MemoryPart> trainer_memory(const model::ModelConfig& config, kernels::DType dtype, std::int64_t rows, std::int64_t targets) {
  const ParameterCounts counts(config);
  const std::int64_t logits = kernels::logprob_tile_rows(config.vocab_size) * config.vocab_size;
  return {{"weights, float32", counts.all * kFloat},
          {"weights, packed", packed_bytes(counts, dtype)},
          {"gradients", counts.all * kFloat},
          {"optimizer moments", 2 * counts.all * kFloat},
          {"activations", saved_bytes(config, rows)},
          {"scratch of a layer", layer_scratch_bytes(config, rows, dtype) + 2 * targets * config.hidden_size * kFloat},
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

  ProcessPlan learner{"learner", 1, trainer_memory(config, dtype, rows, group * completion)};
  if (has_reference) learner.parts.push_back({"model at the start", 2 * counts.all * kFloat + packed_bytes(counts, dtype)});
  learner.parts.push_back({"published weights", 2 * counts.all * kFloat});  // the new ones beside those that workers still read
  ProcessPlan worker{"worker", rollout.workers, {}};
  const std::int64_t groups = std::min(rollout.concurrent_groups,
                                       std::max<std::int64_t>(1, plan.kv_budget_bytes / std::max<std::int64_t>(1, plan.group_cache_bytes)));
  worker.parts = {{"weights, packed", packed_bytes(counts, dtype)},
                  {"weights on their way", counts.all * kFloat},
                  {"KV cache", groups * plan.group_cache_bytes},
                  {"logits", groups * group * config.vocab_size * kFloat},
                  {"scratch", engine_scratch_bytes(config, groups * group + rollout.prefill_chunk)}};
  plan.processes = {std::move(learner), std::move(worker)};

  const double prompts = static_cast<double>(algorithm.prompts_per_step), tokens = static_cast<double>(group * completion);
  const double layers = static_cast<double>(counts.layers), head = static_cast<double>(counts.head);
  const double prefix = static_cast<double>(prompt), own = static_cast<double>(completion), many = static_cast<double>(group);
  const double prompt_work = attention_work(config, 0, prefix), own_work = many * attention_work(config, prefix, own);
  const double forward_gemm = 2 * layers * static_cast<double>(rows) + 2 * head * tokens, forward_attention = 4 * (prompt_work + own_work);
  StagePlan step{"step", algorithm.steps, {}};
  step.phases.push_back({"prefill", prompts * prefix, prompts * 2 * layers * prefix, 0, prompts * 4 * prompt_work});
  step.phases.push_back({"decode", prompts * tokens, 0, prompts * 2 * (layers + head) * tokens, prompts * 4 * own_work});
  double scorings = algorithm.mini_batches > 1 ? 1 : 0;
  if (has_reference) scorings += every_step ? 1 : 1 / static_cast<double>(algorithm.ref_kl_every);
  if (scorings > 0) {
    const double share = scorings * prompts;
    step.phases.push_back({"score", share * static_cast<double>(rows), share * forward_gemm, 0, share * forward_attention});
  }
  // Backward: twice the forward products; the head's logits and attention's scores are computed again.
  step.phases.push_back({"train", prompts * static_cast<double>(rows),
                         prompts * (6 * layers * static_cast<double>(rows) + 8 * head * tokens), 0,
                         prompts * 14 * (prompt_work + own_work)});
  plan.stages.push_back(std::move(step));
  return plan;
}

RunPlan plan_next_token(const trainer::LmRecipe& recipe, const model::ModelConfig& config) {
  const kernels::DType dtype = dtype_of(recipe.model.dtype);
  const ParameterCounts counts(config);
  RunPlan plan;
  plan.kind = "next-token";
  plan.model = config;
  plan.bfloat16 = dtype == kernels::DType::bf16;
  plan.threads = recipe.threads;
  std::int64_t most_rows = 0;
  for (const trainer::LmStage& stage : recipe.stages) {
    const std::int64_t rows = stage.tokens_per_step + stage.context_tokens;  // the last document may pass the step's tokens
    most_rows = std::max(most_rows, std::min(rows, std::max(trainer::LmStepOptions{}.micro_batch_tokens, stage.context_tokens)));
    const auto tokens = static_cast<double>(stage.tokens_per_step), context = static_cast<double>(stage.context_tokens);
    const double work = tokens / context * attention_work(config, 0, context, *std::max_element(stage.windows.begin(), stage.windows.end()));
    plan.stages.push_back(
        {stage.name,
         stage.steps,
         {{"train", tokens, 6 * static_cast<double>(counts.layers) * tokens + 8 * static_cast<double>(counts.head) * tokens, 0,
           14 * work}}});
  }
  plan.processes = {{"trainer", 1, trainer_memory(config, dtype, most_rows, most_rows)}};
  return plan;
}

}  // namespace longbow::tools
