// The recipe of a GRPO run: every key of the JSON file that `train`, `learner`, `rollout` and `plan` read.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/config.h"
#include "rewards/judge.h"
#include "trainer/advantages.h"
#include "trainer/loss.h"
#include "trainer/optimizer.h"

namespace longbow::trainer {

/// The longest message that a learner takes from a worker.
inline constexpr std::int64_t kMaxGroupBytes = std::int64_t{256} << 20;

enum class ComputeType { float32, bfloat16 };

struct ModelSection {
  std::string path;
  ComputeType dtype = ComputeType::float32;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("path", path, {.help = "Hugging Face directory of the model to start from.", .required = true});
    v.choice("dtype", dtype, {{"float32", ComputeType::float32}, {"bfloat16", ComputeType::bfloat16}},
             {.help = "Compute type of rollout and trainer alike; master weights stay float32."});
  }
};

struct TaskWeight {
  std::string task;
  double weight = 1;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("task", task, {.help = "Task name, as in the items.", .required = true});
    v.field("weight", weight, {.help = "Share of each batch, relative to the other tasks.", .min = 0});
  }
};

struct DataSection {
  std::vector<std::string> train;
  std::int64_t max_prompt_tokens = 2048;
  std::vector<TaskWeight> task_weights;
  bool skip_bad_lines = false;
  std::string verl_reward;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("train", train, {.help = "Data set files (JSONL, .gz, .zst), of our item schema or verl's.", .required = true});
    v.field("max_prompt_tokens", max_prompt_tokens,
            {.help = "Longer prompts are dropped and counted.", .unit = "tokens", .min = 1, .max = 1 << 20});
    v.section("task_weights", task_weights, "Shares of each batch by task; equal when empty.");
    v.field("skip_bad_lines", skip_bad_lines, {.help = "Count bad lines and go on instead of stopping at the first."});
    v.field("verl_reward", verl_reward, {.help = "Reward for verl rows, which name none."});
  }
};

struct RolloutSection {
  std::int64_t workers = 2;
  std::int64_t threads_per_worker = 1;
  std::int64_t group_size = 8;
  std::int64_t max_completion_tokens = 64;
  double temperature = 1.0;
  double top_p = 1.0;
  std::int64_t top_k = 0;
  double min_p = 0.0;
  std::int64_t concurrent_groups = 2;
  std::int64_t prefill_chunk = 256;
  std::int64_t kv_budget_mib = 2048;
  std::string endpoint;
  std::int64_t lease_timeout_ms = 120'000;
  std::int64_t heartbeat_ms = 2'000;
  std::int64_t start_timeout_ms = 120'000;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("workers", workers,
            {.help = "Worker processes that `train` starts; 0 waits for workers from elsewhere.", .min = 0, .max = 256});
    v.field("threads_per_worker", threads_per_worker, {.help = "Compute threads of each worker.", .min = 1, .max = 1024});
    v.field("group_size", group_size, {.help = "Completions per prompt.", .min = 2, .max = 1024});
    v.field("max_completion_tokens", max_completion_tokens,
            {.help = "Completions end here at the latest.", .unit = "tokens", .min = 1, .max = 1 << 20});
    v.field("temperature", temperature, {.help = "Sampling temperature.", .min = 0.01, .max = 10});
    v.field("top_p", top_p,
            {.help = "Nucleus sampling; training refuses anything but 1 (the trainer would see other probabilities).", .min = 0, .max = 1});
    v.field("top_k", top_k, {.help = "Top-k sampling; 0 is off, and training refuses anything else.", .min = 0});
    v.field("min_p", min_p, {.help = "Min-p sampling; 0 is off, and training refuses anything else.", .min = 0, .max = 1});
    v.field("concurrent_groups", concurrent_groups, {.help = "Groups a worker decodes at once.", .min = 1, .max = 1024});
    v.field("prefill_chunk", prefill_chunk,
            {.help = "Prompt tokens prefilled between two decode steps.", .unit = "tokens", .min = 1, .max = 65536});
    v.field("kv_budget_mib", kv_budget_mib, {.help = "A worker admits groups while their KV cache fits here.", .unit = "MiB", .min = 1});
    v.field("endpoint", endpoint, {.help = "ZeroMQ endpoint of the learner; empty: an ipc socket in the run directory."});
    v.field("lease_timeout_ms", lease_timeout_ms, {.help = "A worker silent for this long loses its prompts.", .unit = "ms", .min = 100});
    v.field("heartbeat_ms", heartbeat_ms, {.help = "How often a worker reports.", .unit = "ms", .min = 10});
    v.field("start_timeout_ms", start_timeout_ms, {.help = "How long a learner without any worker waits.", .unit = "ms", .min = 100});
  }
};

struct RewardSection {
  std::vector<std::string> command;
  std::int64_t command_timeout_ms = 60'000;
  std::optional<rewards::JudgeConfig> judge;
  std::int64_t slow_ms = 10'000;
  double overlong_factor = 0;
  std::int64_t overlong_buffer_tokens = 0;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("command", command,
            {.help = "External reward program and its arguments (JSONL in, JSONL out); empty: the items' own rewards."});
    v.field("command_timeout_ms", command_timeout_ms, {.help = "Time for one batch.", .unit = "ms", .min = 1});
    v.optional_section("judge", judge, "The language model that scores items whose reward is judge.");
    v.field("slow_ms", slow_ms, {.help = "A completion that takes longer to score is named in the log.", .unit = "ms", .min = 0});
    v.field("overlong_factor", overlong_factor,
            {.help = "Penalty at max_completion_tokens (DAPO's soft overlong punishment); 0 is off.", .min = 0});
    v.field("overlong_buffer_tokens", overlong_buffer_tokens,
            {.help = "The penalty rises over the last tokens of this number.", .unit = "tokens", .min = 0});
  }
};

struct AlgorithmSection {
  std::int64_t steps = 100;
  std::int64_t prompts_per_step = 16;
  std::int64_t mini_batches = 1;
  AdvantageScale advantage_scale = AdvantageScale::group;
  LossConfig loss;
  bool dynamic_sampling = false;
  std::int64_t max_refills = 4;
  std::int64_t max_off_policy_steps = 0;
  std::int64_t ref_kl_every = 5;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("steps", steps, {.help = "Training steps.", .unit = "steps", .min = 1});
    v.field("prompts_per_step", prompts_per_step, {.help = "Groups a step trains on.", .min = 1, .max = 65536});
    v.field("mini_batches", mini_batches, {.help = "Optimizer updates a step; the groups are split evenly.", .min = 1, .max = 1024});
    v.choice("advantage_scale", advantage_scale,
             {{"group", AdvantageScale::group},
              {"task", AdvantageScale::task},
              {"batch", AdvantageScale::batch},
              {"none", AdvantageScale::none}},
             {.help = "Over what the standard deviation that divides advantages is taken; none is Dr. GRPO."});
    v.section("loss", loss, "The policy-gradient loss.");
    v.field("dynamic_sampling", dynamic_sampling, {.help = "Replace groups whose rewards are all equal by fresh prompts."});
    v.field("max_refills", max_refills, {.help = "Rounds of fresh prompts before dynamic sampling gives up.", .min = 1, .max = 1000});
    v.field("max_off_policy_steps", max_off_policy_steps,
            {.help = "0: generation waits for the newest weights (sync); 1: one step off, generation and training overlap.",
             .min = 0,
             .max = 16});
    v.field("ref_kl_every", ref_kl_every,
            {.help = "Log the KL to the start every this many steps; 0 never (kl_beta > 0: every step).", .unit = "steps", .min = 0});
  }
};

struct CheckpointSection {
  std::int64_t every = 10;
  std::int64_t keep = 2;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("every", every, {.help = "Steps between two checkpoints.", .unit = "steps", .min = 1});
    v.field("keep", keep, {.help = "Checkpoints kept; older ones are removed.", .min = 1});
  }
};

struct TrainRecipe {
  std::string description;
  std::uint64_t seed = 0;
  std::int64_t threads = 0;
  std::int64_t activation_budget_mib = 2048;
  ModelSection model;
  DataSection data;
  RolloutSection rollout;
  RewardSection reward;
  AlgorithmSection algorithm;
  OptimizerConfig optimizer;
  CheckpointSection checkpoint;

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("description", description, {.help = "What the recipe does, how long it takes and how much memory.", .required = true});
    auto signed_seed = static_cast<std::int64_t>(seed);
    v.field("seed", signed_seed, {.help = "Every random choice of the run follows from it.", .min = 0});
    seed = static_cast<std::uint64_t>(signed_seed);
    v.field("threads", threads, {.help = "Compute threads of the learner; 0: one per processor.", .min = 0, .max = 1024});
    v.field("activation_budget_mib", activation_budget_mib,
            {.help = "Activations kept for the backward pass; what does not fit is computed again, to the same bits.",
             .unit = "MiB",
             .min = 0});
    v.section("model", model, "The model.");
    v.section("data", data, "What it is trained on.");
    v.section("rollout", rollout, "How completions are generated.");
    v.section("reward", reward, "How they are scored.");
    v.section("algorithm", algorithm, "GRPO.");
    v.section("optimizer", optimizer, "AdamW.");
    v.section("checkpoint", checkpoint, "What is kept.");
  }
};

/// Upper bound of a finished group on the wire.
std::int64_t largest_group_bytes(const TrainRecipe& recipe);

/// Checks what a single field's range cannot: truncated sampling in training, mini_batches against prompts, overlong settings,
/// dual_clip, settings that would be ignored, groups too large to be handed over. Throws UserError.
void validate(const TrainRecipe& recipe);

}  // namespace longbow::trainer
