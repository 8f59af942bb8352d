// Benchmarks of generation: prefill of a 16K prompt and decode of a group over it, through the engine that workers run.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/clock.h"
#include "rollout/engine.h"
#include "tools/bench_model.h"
#include "tools/bench_suite.h"

namespace longbow::tools {
namespace {

constexpr std::int64_t kPromptTokens = 16384, kNewTokens = 64;
constexpr double kBudgetSeconds = 12;  // of all rounds of one shape; at least one is run
constexpr std::size_t kMaxRounds = 3;

struct RolloutTimes {
  Timing prefill, decode;  // of each round
  double parameters = 0;
};

/// One group through a fresh engine: every step is wholly prefill or wholly decode.
void run_round(ThreadPool& pool, model::PackedModel& model, int group_size, RolloutTimes& times) {
  rollout::Engine engine(pool, model, {.max_concurrent_groups = 1, .prefill_chunk = 512});
  rollout::GroupRequest request;
  request.lease_id = 1;
  request.prompt.tokens = bench_tokens(kPromptTokens, model.config().vocab_size, 1);
  request.group_size = group_size;
  request.sampling.max_completion_tokens = kNewTokens;
  engine.submit(std::move(request));
  Timing phases[2];
  double seconds[2] = {};
  while (!engine.is_idle()) {
    const bool decodes = engine.counters().decode_tokens > 0;
    const Timing step = time_once([&] { engine.step(); });
    seconds[decodes] += step.wall_seconds;
    phases[decodes].append(step);
  }
  for (int phase = 0; phase < 2; ++phase) phases[phase].seconds = {seconds[phase]};
  times.prefill.append(phases[0]);
  times.decode.append(phases[1]);
}

/// Kept: `prefill_…` reads what `rollout_…` has measured in this run.
const RolloutTimes& rollout_times(ThreadPool& pool, int full_every, int group_size) {
  static std::map<std::pair<int, int>, RolloutTimes> known;
  const auto [entry, is_new] = known.try_emplace({full_every, group_size});
  RolloutTimes& times = entry->second;
  if (!is_new) return times;
  const model::ModelConfig config = m105_config(full_every);
  const model::ParameterLayout layout(config);
  model::PackedModel model(pool, config, layout, model::init_weights(config, layout, model::InitScheme::fan_in, 1).values.data(),
                           kernels::DType::bf16);
  times.parameters = static_cast<double>(layout.total);
  const Stopwatch watch;
  do {
    run_round(pool, model, group_size, times);
  } while (watch.seconds() < kBudgetSeconds && times.decode.seconds.size() < kMaxRounds);
  return times;
}

/// Bytes of keys and values a token and layer has.
constexpr double kKvBytes = 2 * 2 * 128 * 2;

BenchResult rollout_bench(ThreadPool& pool, int full_every, int group_size) {
  const RolloutTimes& times = rollout_times(pool, full_every, group_size);
  const double full_layers = 8.0 / full_every, sliding_layers = 8 - full_layers, group = group_size;
  // One step reads the weights and the prompt's keys once, and each completion's own keys and rings; or computes, if that takes longer.
  const double bytes =
      2 * times.parameters + kKvBytes * (full_layers * (kPromptTokens + group * kNewTokens / 2.0) + sliding_layers * group * kBenchWindow);
  const double flop = group * (2 * times.parameters + 4 * 1024 * (full_layers * kPromptTokens + sliding_layers * kBenchWindow));
  BenchResult result;
  result.set_rates(group * (kNewTokens - 1), times.decode);
  result.unit = "tokens/s";
  result.limit_of = [=](const Ceilings& ceilings) {
    return group / std::max(bytes / (ceilings.read_gbps * 1e9), flop / (ceilings.gemm_tflops * 1e12));
  };
  result.place_on_roofline((kNewTokens - 1) * flop, (kNewTokens - 1) * bytes, times.decode);
  result.note = format(
      "decode of %.0f x 64 tokens over a shared prompt of 16384 (prefill %.0f tokens/s); limit: memory reads or bf16 "
      "products, whichever takes longer",
      group, kPromptTokens / median_of(times.prefill.seconds));
  return result;
}

BenchResult rollout_hybrid_g8(ThreadPool& pool) { return rollout_bench(pool, 4, 8); }
BenchResult rollout_hybrid_g1(ThreadPool& pool) { return rollout_bench(pool, 4, 1); }
BenchResult rollout_full_g8(ThreadPool& pool) { return rollout_bench(pool, 1, 8); }

BenchResult prefill_bench(ThreadPool& pool, int full_every) {
  const RolloutTimes& times = rollout_times(pool, full_every, 8);
  const double length = kPromptTokens, flop = forward_flop(m105_config(full_every), {kPromptTokens, 0, 0});
  const double bytes = std::ceil(length / 512) * 2 * times.parameters;  // a chunk reads the weights
  BenchResult result;
  result.set_rates(length, times.prefill);
  result.unit = "tokens/s";
  result.limit_of = [=](const Ceilings& ceilings) { return length / (flop / (ceilings.gemm_tflops * 1e12)); };
  result.place_on_roofline(flop, bytes, times.prefill);
  result.note = "16384 tokens in chunks of 512; limit: all of its arithmetic at the rate of bf16 products";
  return result;
}

BenchResult prefill_hybrid(ThreadPool& pool) { return prefill_bench(pool, 4); }
BenchResult prefill_full(ThreadPool& pool) { return prefill_bench(pool, 1); }

}  // namespace

std::vector<Benchmark> engine_benchmarks() {
  return {{"rollout_hybrid_16k_g8", rollout_hybrid_g8},
          {"rollout_hybrid_16k_g1", rollout_hybrid_g1},
          {"rollout_full_16k_g8", rollout_full_g8},
          {"prefill_hybrid_16k", prefill_hybrid},
          {"prefill_full_16k", prefill_full}};
}

}  // namespace longbow::tools
