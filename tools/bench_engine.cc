// Benchmarks of whole parts of a run: group sampling of a 16K prompt, the prompt-once training step, and the weights' way to a worker.
// Models are random and made in memory, of the m105 shape: 8 layers, hidden 1024, MLP 3072, 8 query and 2 kv heads, vocabulary 8192.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <utility>

#include "core/clock.h"
#include "core/errors.h"
#include "model/weight_snapshot.h"
#include "peers/peer_inputs.h"
#include "rollout/engine.h"
#include "tools/bench_suite.h"
#include "trainer/packing.h"
#include "trainer/policy.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kPromptTokens = 16384, kNewTokens = 64;
constexpr int kWindow = 128;

/// `full_every`: one layer in so many attends in full and without rotary embedding, the others slide; 1: all are full.
model::ModelConfig make_config(int layers, int hidden, int intermediate, int heads, int kv_heads, int full_every) {
  model::ModelConfig config;
  config.family = "smollm3";
  config.vocab_size = 8192;
  config.hidden_size = hidden;
  config.intermediate_size = intermediate;
  config.num_heads = heads;
  config.num_kv_heads = kv_heads;
  config.head_dim = hidden / heads;
  config.max_position_embeddings = 1 << 17;
  for (int i = 0; i < layers; ++i) {
    const bool full = (i + 1) % full_every == 0;
    config.layers.push_back(
        {.attention = full ? model::AttentionKind::full : model::AttentionKind::sliding, .window = full ? 0 : kWindow, .rope = !full});
  }
  return config;
}

model::ModelConfig m105(int full_every) { return make_config(8, 1024, 3072, 8, 2, full_every); }

std::vector<std::int32_t> random_tokens(std::int64_t count, int vocab, std::uint64_t salt) {
  std::vector<std::int32_t> tokens;
  for (std::int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<std::int32_t>((peers::peer_input(static_cast<std::uint64_t>(i), salt) + 0.5f) * 128 * 64) % vocab);
  return tokens;
}

struct RolloutTimes {
  double prefill_seconds = 0;
  double decode_seconds = 0;
  double parameters = 0;
};

/// One group of `group_size` over a 16K prompt. Kept: `prefill_…` reads what `rollout_…` has measured in this run.
const RolloutTimes& rollout_times(ThreadPool& pool, int full_every, int group_size) {
  static std::map<std::pair<int, int>, RolloutTimes> known;
  const auto [entry, is_new] = known.try_emplace({full_every, group_size});
  if (!is_new) return entry->second;
  const model::ModelConfig config = m105(full_every);
  const model::ParameterLayout layout(config);
  model::PackedModel model(pool, config, layout, model::init_weights(config, layout, model::InitScheme::fan_in, 1).values.data(),
                           kernels::DType::bf16);
  rollout::Engine engine(pool, model, {.max_concurrent_groups = 1, .prefill_chunk = 512});
  rollout::GroupRequest request;
  request.lease_id = 1;
  request.prompt.tokens = random_tokens(kPromptTokens, config.vocab_size, 1);
  request.group_size = group_size;
  request.sampling.max_completion_tokens = kNewTokens;
  engine.submit(std::move(request));
  while (!engine.is_idle()) {
    for (const rollout::FinishedGroup& group : engine.step()) {
      entry->second = {group.prefill_ms / 1000, group.decode_ms / 1000, static_cast<double>(layout.total)};
    }
  }
  return entry->second;
}

/// Bytes of keys and values a token and layer has.
constexpr double kKvBytes = 2 * 2 * 128 * 2;

BenchResult rollout_bench(BenchMachine& machine, int full_every, int group_size) {
  const RolloutTimes& times = rollout_times(machine.pool, full_every, group_size);
  const double full_layers = 8.0 / full_every, sliding_layers = 8 - full_layers, group = group_size;
  // One step reads the weights and the prompt's keys once, and each completion's own keys and rings; or computes, if that takes longer.
  const double bytes =
      2 * times.parameters + kKvBytes * (full_layers * (kPromptTokens + group * kNewTokens / 2.0) + sliding_layers * group * kWindow);
  const double flop = group * (2 * times.parameters + 4 * 1024 * (full_layers * kPromptTokens + sliding_layers * kWindow));
  const double read_seconds = bytes / (machine.ceilings.read_gbps * 1e9), flop_seconds = flop / (machine.ceilings.gemm_tflops * 1e12);
  BenchResult result;
  result.values = {group * (kNewTokens - 1) / times.decode_seconds};
  result.unit = "tokens/s";
  result.limit = group / std::max(read_seconds, flop_seconds);
  char text[256];
  std::snprintf(text, sizeof text, "decode of %d x %d tokens over a shared prompt of 16384 (prefill %.0f tokens/s); limit: %s", group_size,
                static_cast<int>(kNewTokens), kPromptTokens / times.prefill_seconds,
                read_seconds > flop_seconds ? "memory reads" : "bf16 products");
  result.note = text;
  return result;
}

BenchResult rollout_hybrid_g8(BenchMachine& machine) { return rollout_bench(machine, 4, 8); }
BenchResult rollout_hybrid_g1(BenchMachine& machine) { return rollout_bench(machine, 4, 1); }
BenchResult rollout_full_g8(BenchMachine& machine) { return rollout_bench(machine, 1, 8); }

BenchResult prefill_bench(BenchMachine& machine, int full_every) {
  const RolloutTimes& times = rollout_times(machine.pool, full_every, 8);
  const double full_layers = 8.0 / full_every, length = kPromptTokens;
  const double flop =
      2 * times.parameters * length + 2 * full_layers * 1024 * length * length + 4 * (8 - full_layers) * 1024 * length * kWindow;
  BenchResult result;
  result.values = {length / times.prefill_seconds};
  result.unit = "tokens/s";
  result.limit = length / (flop / (machine.ceilings.gemm_tflops * 1e12));
  result.note = "16384 tokens in chunks of 512; limit: all of its arithmetic at the rate of bf16 products";
  return result;
}

BenchResult prefill_hybrid(BenchMachine& machine) { return prefill_bench(machine, 4); }
BenchResult prefill_full(BenchMachine& machine) { return prefill_bench(machine, 1); }

data::Group make_group(std::int64_t prompt_tokens, std::int64_t completion_tokens, int group_size, int vocab) {
  data::Group group;
  group.prompt.tokens = random_tokens(prompt_tokens, vocab, 1);
  for (int i = 0; i < group_size; ++i) {
    data::Completion completion;
    completion.sample_idx = i;
    completion.tokens = random_tokens(completion_tokens, vocab, static_cast<std::uint64_t>(i + 2));
    completion.rollout_logprobs.assign(completion.tokens.size(), -9);
    group.completions.push_back(std::move(completion));
  }
  return group;
}

/// Seconds of scoring and back-propagating one group.
double train_seconds(trainer::Policy& policy, const trainer::PackedGroup& packed) {
  policy.zero_gradient();
  const std::vector<float> dlogprobs(packed.targets.size(), 1.0f / static_cast<float>(packed.targets.size()));
  const Stopwatch watch;
  policy.score(packed, 1, true);
  policy.backward(packed, 1, dlogprobs);
  return watch.seconds();
}

BenchResult grpo_step(BenchMachine& machine) {
  const model::ModelConfig config = make_config(8, 256, 768, 4, 2, 2);
  const model::ParameterLayout layout(config);
  trainer::Policy policy(machine.pool, config, model::init_weights(config, layout, model::InitScheme::fan_in, 1), kernels::DType::bf16);
  const data::Group group = make_group(2048, 64, 8, config.vocab_size);
  const trainer::PackedGroup once = trainer::pack_group(group), repeated = trainer::pack_group(group, trainer::PromptPacking::repeated);
  const double row_ratio = static_cast<double>(repeated.batch.tokens.size()) / static_cast<double>(once.batch.tokens.size());
  train_seconds(policy, once);  // activations grow, pages come in
  BenchResult result;
  result.values = {train_seconds(policy, once), train_seconds(policy, once)};
  const double first_repeated = train_seconds(policy, repeated);
  result.peer_value = std::min(first_repeated, train_seconds(policy, repeated));
  result.values.push_back(train_seconds(policy, once));
  result.unit = "s";
  result.higher_is_better = false;
  result.limit = *result.peer_value / row_ratio;
  result.peer = "ours, prompt repeated";
  char text[256];
  std::snprintf(text, sizeof text,
                "forward + backward of 8 completions of 64 tokens over 2048, the embedded model's shape (6.8M parameters); limit: the "
                "peer's time over %.2f, the ratio of rows",
                row_ratio);
  result.note = text;
  return result;
}

BenchResult weight_sync(BenchMachine& machine) {
  const model::ModelConfig config = m105(4);
  const model::ParameterLayout layout(config);
  kernels::Buffer<float> values(layout.total), received(layout.total);
  for (std::int64_t i = 0; i < layout.total; ++i) values[i] = peers::peer_input(static_cast<std::uint64_t>(i), 0);
  const bool shared_memory = ::access("/dev/shm", W_OK) == 0;
  const std::filesystem::path path =
      (shared_memory ? std::filesystem::path("/dev/shm") : std::filesystem::temp_directory_path()) / concat("longbow-bench-", ::getpid());
  BenchResult result;
  result.values = time_whole_runs(2, [&] {
    model::write_snapshot(path.string(), layout, values.data(), kernels::DType::bf16, 1);
    model::read_snapshot(path.string(), layout, received.data());
  });
  std::filesystem::remove(path);
  result.unit = "s";
  result.higher_is_better = false;
  result.limit = 12e-9 * static_cast<double>(layout.total) / machine.ceilings.read_gbps_1t;
  result.note = concat("writing and reading 105M parameters as bf16 in ", shared_memory ? "/dev/shm" : "a file",
                       "; limit: 12 bytes a parameter at the rate of one thread's memory reads");
  return result;
}

}  // namespace

std::vector<Benchmark> engine_benchmarks() {
  return {{"rollout_hybrid_16k_g8", rollout_hybrid_g8},
          {"rollout_hybrid_16k_g1", rollout_hybrid_g1},
          {"rollout_full_16k_g8", rollout_full_g8},
          {"prefill_hybrid_16k", prefill_hybrid},
          {"prefill_full_16k", prefill_full},
          {"grpo_step_once_vs_repeated", grpo_step},
          {"weight_sync", weight_sync}};
}

}  // namespace longbow::tools
