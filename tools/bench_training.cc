// Benchmarks of training: a GRPO step of the m105 hybrid over a prompt of 4096 with 8 completions of 256, once against our own step
// with the prompt repeated and once against eager LibTorch; and the weights' way to a worker.
#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/errors.h"
#include "model/weight_snapshot.h"
#include "tools/bench_memory.h"
#include "tools/bench_model.h"
#include "tools/bench_suite.h"
#include "trainer/grpo_step.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kPrompt = 4096, kCompletion = 256, kGroup = 8;
constexpr int kFullEvery = 4;

data::Group make_group(int vocab) {
  data::Group group;
  group.prompt.task = "bench";
  group.prompt.tokens = bench_tokens(kPrompt, vocab, 1);
  for (std::int64_t i = 0; i < kGroup; ++i) {
    data::Completion completion;
    completion.sample_idx = i;
    completion.tokens = bench_tokens(kCompletion, vocab, static_cast<std::uint64_t>(i + 2));
    completion.rollout_logprobs.assign(completion.tokens.size(), -9);
    group.completions.push_back(std::move(completion));
  }
  return group;
}

/// A fresh policy of the benchmark's model.
struct BenchPolicy {
  model::ModelConfig config = m105_config(kFullEvery);
  model::ParameterLayout layout{config};
  trainer::Policy policy;
  explicit BenchPolicy(ThreadPool& pool, std::int64_t activation_budget_bytes = model::kActivationBudgetBytes)
      : policy(pool, config, model::init_weights(config, layout, model::InitScheme::fan_in, 1), kernels::DType::bf16,
               activation_budget_bytes) {}
};

/// Seconds of scoring and back-propagating one group.
double train_seconds(trainer::Policy& policy, const trainer::PackedGroup& packed) {
  policy.zero_gradient();
  const std::vector<float> dlogprobs(packed.targets.size(), 1.0f / static_cast<float>(packed.targets.size()));
  const Stopwatch watch;
  policy.score(packed, 1, true);
  policy.backward(packed, 1, dlogprobs);
  return watch.seconds();
}

BenchResult once_vs_repeated(ThreadPool& pool) {
  BenchPolicy bench(pool);
  const data::Group group = make_group(bench.config.vocab_size);
  const trainer::PackedGroup once = trainer::pack_group(group), repeated = trainer::pack_group(group, trainer::PromptPacking::repeated);
  const double row_ratio = static_cast<double>(repeated.batch.tokens.size()) / static_cast<double>(once.batch.tokens.size());
  Timing ours = time_runs(4, [&] { return train_seconds(bench.policy, once); });
  const double peer = time_runs(4, [&] { return train_seconds(bench.policy, repeated); }).best();
  ours.append(time_runs(4, [&] { return train_seconds(bench.policy, once); }));
  BenchResult result;
  result.set_seconds(ours);
  result.peer_value = peer;
  result.limit_of = [peer, row_ratio](const Ceilings&) { return peer / row_ratio; };
  result.peer = "ours, prompt repeated";
  result.note = format(
      "forward + backward of 8 completions of 256 over 4096, 105M parameters; limit: the peer's time over %.2f, the "
      "ratio of rows",
      row_ratio);
  return result;
}

/// Bytes that other programs leave us, of which the peer may take most.
std::int64_t available_bytes() {
  std::ifstream file("/proc/meminfo");
  for (std::string word; file >> word;) {
    std::int64_t kib = 0;
    if (word == "MemAvailable:" && file >> kib) return kib * 1024;
  }
  return 0;
}

/// How many of the group's sequences eager LibTorch takes at once: all, unless memory would not hold their activations. The peer runs
/// that many and counts them as the whole group, so that the row ends within minutes.
std::int64_t eager_sequences_at_once() {
  constexpr std::int64_t kEagerBytesARow = 560 << 10, kEagerBytes = std::int64_t{3} << 30;  // as measured; weights, moments, slack
  std::int64_t at_once = kGroup;
  while (at_once > 1 && at_once * (kPrompt + kCompletion) * kEagerBytesARow + kEagerBytes > available_bytes()) at_once /= 2;
  return at_once;
}

BenchResult step_vs_eager(ThreadPool& pool) {
  const model::ModelConfig shape = m105_config(kFullEvery);
  const std::int64_t at_once = eager_sequences_at_once();
  const std::int64_t size[] = {static_cast<std::int64_t>(shape.layers.size()),
                               shape.hidden_size,
                               shape.intermediate_size,
                               shape.num_heads,
                               shape.num_kv_heads,
                               shape.head_dim,
                               shape.vocab_size,
                               kBenchWindow,
                               kFullEvery,
                               kPrompt,
                               kCompletion,
                               kGroup,
                               at_once};
  // The peer first: it wants nearly all of the memory.
  const std::optional<PeerRun> peer = run_peer("grpo_step", pool.num_threads(), 1, size);
  reset_peak_resident_bytes();
  BenchPolicy bench(pool, std::int64_t{1} << 30);  // keeps all but the MLP: a sixth more products for 1.1 GiB less
  trainer::TrainRecipe recipe;
  recipe.rollout.max_completion_tokens = kCompletion;
  trainer::Optimizer optimizer(pool, recipe.optimizer, bench.layout);
  trainer::ScoredGroup scored{make_group(bench.config.vocab_size), {}, {}};
  for (std::int64_t i = 0; i < kGroup; ++i) scored.rewards.push_back(static_cast<double>(i % 2));
  scored.accuracies = scored.rewards;
  const std::vector<trainer::ScoredGroup> groups = {std::move(scored)};
  const auto step = [&] { trainer::grpo_step(recipe, bench.policy, nullptr, optimizer, groups, {.step = 0, .with_ref_kl = false}); };
  const Timing ours = time_whole_runs(8, step);
  const double parameters = static_cast<double>(bench.layout.total), flop = training_flop(bench.config, {kPrompt, kCompletion, kGroup});
  BenchResult result;
  result.set_seconds(ours);
  result.limit_of = [flop](const Ceilings& ceilings) { return flop / (1e12 * ceilings.gemm_tflops); };
  result.place_on_roofline(flop, parameters * 40, ours);  // each weight, gradient and moment comes and goes about once
  result.peer = "eager LibTorch, bf16";
  result.note = format(
      "a whole step of 8 completions of 256 over 4096: forward, loss, backward, AdamW, 1 GiB for activations; limit: its products; we "
      "hold %.1f GiB",
      static_cast<double>(peak_resident_bytes()) / (1 << 30));
  if (peer) {
    result.peer_value = peer->best();
    result.note += format(", the peer %.1f GiB with %.0f of the 8 sequences at once (timed, and counted for all)",
                          static_cast<double>(peer->peak_rss_bytes) / (1 << 30), static_cast<double>(at_once));
  }
  return result;
}

/// From the learner's f32 weights to a verified snapshot in a worker's hands, over pages that earlier versions have used.
BenchResult weight_sync(ThreadPool& pool) {
  const model::ModelConfig config = m105_config(kFullEvery);
  const model::ParameterLayout layout(config);
  kernels::Buffer<float> values(layout.total);
  for (std::int64_t i = 0; i < layout.total; ++i) values[i] = peers::peer_input(static_cast<std::uint64_t>(i), 0);
  model::SnapshotPublisher publisher(layout, kernels::DType::bf16, 1);
  model::SnapshotReader reader(layout);
  std::int64_t version = 0;
  const auto sync = [&] { return reader.read(pool, publisher.publish(pool, values.data(), ++version)); };
  for (int i = 0; i < 2; ++i) sync();  // both files get their pages
  BenchResult result;
  result.set_seconds(time_whole_runs(2, sync));
  model::PackedModel worker(pool, config, layout, values.data(), kernels::DType::bf16);
  const model::Snapshot snapshot = sync();
  const Timing load = time_whole_runs(1, [&] { worker.update(pool, snapshot.values); });
  const double parameters = static_cast<double>(layout.total);
  result.limit_of = [parameters](const Ceilings& ceilings) { return 8e-9 * parameters / ceilings.read_gbps; };
  result.note =
      concat("publishing 105M parameters as bf16 in memory that stays mapped, and verifying them; limit: 4 bytes a parameter read, 2 ",
             "written, 2 read again, at the rate of memory reads", format("; the worker then packs them in %.0f ms", 1e3 * load.best()));
  return result;
}

}  // namespace

std::vector<Benchmark> training_benchmarks() {
  return {{"grpo_step_once_vs_repeated", once_vs_repeated}, {"grpo_step_vs_eager", step_vs_eager}, {"weight_sync", weight_sync}};
}

}  // namespace longbow::tools
