// Benchmarks of a whole GRPO step of the m105 hybrid, generation included, in one process: a group is generated, trained on, and the
// new weights reach the engine. `peers/trl_step.py` runs the same step in TRL.
#include <algorithm>
#include <utility>
#include <vector>

#include "core/errors.h"
#include "model/saved_activations.h"
#include "rollout/engine.h"
#include "tools/bench_model.h"
#include "tools/bench_suite.h"
#include "trainer/grpo_step.h"

namespace longbow::tools {
namespace {

constexpr int kFullEvery = 4;
constexpr double kBudgetSeconds = 16;

/// Seconds of one step's parts.
struct StepTimes {
  double generate = 0, train = 0, sync = 0;
};

/// What a user sets whose memory is short: fewer activations change no bit, rounded moments keep their mean.
enum class Memory { as_recipes_come, lean };

trainer::TrainRecipe recipe_of(const model::ModelConfig& config, const GroupShape& shape, Memory memory) {
  trainer::TrainRecipe recipe;
  recipe.rollout.max_completion_tokens = shape.completion;
  if (memory == Memory::as_recipes_come) return recipe;
  const std::int64_t own_rows = shape.group * (shape.completion - 1);
  const std::int64_t budget = model::kept_bytes(config, model::KeptActivations::all_but_mlp, shape.prompt + own_rows, 1 + own_rows);
  recipe.activation_budget_mib = (budget >> 20) + 1;
  recipe.optimizer.moment_dtype = kernels::DType::bf16;
  return recipe;
}

/// Learner and worker of a run, without the messages between them.
class WholeStep {
 public:
  WholeStep(ThreadPool& pool, const GroupShape& shape, Memory memory)
      : shape_(shape),
        recipe_(recipe_of(config_, shape, memory)),
        policy_(pool, config_, model::init_weights(config_, layout_, model::InitScheme::fan_in, 1), kernels::DType::bf16,
                recipe_.activation_budget_mib << 20),
        optimizer_(pool, recipe_.optimizer, layout_),
        worker_model_(pool, config_, layout_, policy_.weights().values.data(), kernels::DType::bf16),
        engine_(pool, worker_model_, {.max_concurrent_groups = 1, .prefill_chunk = 512}) {}

  StepTimes run() {
    StepTimes times;
    std::vector<trainer::ScoredGroup> groups(1);
    times.generate = time_once([&] { groups[0].group = generate(); }).wall_seconds;
    for (std::int64_t i = 0; i < shape_.group; ++i) groups[0].rewards.push_back(static_cast<double>(i % 2));
    groups[0].accuracies = groups[0].rewards;
    const trainer::StepOptions options{.step = version_, .with_ref_kl = false};
    times.train = time_once([&] { trainer::grpo_step(recipe_, policy_, nullptr, optimizer_, groups, options); }).wall_seconds;
    times.sync = time_once([&] { hand_over_weights(); }).wall_seconds;
    return times;
  }

  double parameters() const { return static_cast<double>(layout_.total); }
  const model::ModelConfig& config() const { return config_; }

 private:
  /// The model knows no end token, so every completion has its full length, as in the peer.
  data::Group generate() {
    rollout::GroupRequest request;
    request.lease_id = static_cast<std::uint64_t>(version_ + 1);
    request.prompt.task = "bench";
    request.prompt.step = version_;
    request.prompt.tokens = bench_tokens(shape_.prompt, config_.vocab_size, static_cast<std::uint64_t>(version_ + 1));
    request.group_size = static_cast<std::int32_t>(shape_.group);
    request.sampling.max_completion_tokens = static_cast<std::int32_t>(shape_.completion);
    engine_.submit(std::move(request));
    std::vector<rollout::FinishedGroup> finished;
    while (finished.empty()) finished = engine_.step();
    return std::move(finished.front().group);
  }

  /// The engine packs them from the learner's memory; their way through a snapshot is `weight_sync`'s.
  void hand_over_weights() {
    ++version_;
    engine_.swap_weights(version_, {kernels::DType::f32, policy_.weights().values.data(), nullptr});
  }

  GroupShape shape_;
  model::ModelConfig config_ = m105_config(kFullEvery);
  model::ParameterLayout layout_{config_};
  trainer::TrainRecipe recipe_;
  trainer::Policy policy_;
  trainer::Optimizer optimizer_;
  model::PackedModel worker_model_;
  rollout::Engine engine_;
  std::int64_t version_ = 0;
};

/// The prompt's rows and all training at the rate of products; a decode step at that rate or that of reading the weights.
double least_seconds(const model::ModelConfig& config, double parameters, const GroupShape& shape, const Ceilings& ceilings) {
  const double products = ceilings.gemm_tflops * 1e12;
  const GroupShape prompt_alone{shape.prompt, 0, 0};
  const double prefill = forward_flop(config, prompt_alone) / products;
  const double decode_flop = forward_flop(config, shape) - forward_flop(config, prompt_alone);
  const double decode =
      std::max(decode_flop / products, static_cast<double>(shape.completion) * 2 * parameters / (ceilings.read_gbps * 1e9));
  return prefill + decode + training_flop(config, shape) / products;
}

template <std::int64_t prompt, std::int64_t completion, Memory memory>
BenchResult whole_step(ThreadPool& pool) {
  const GroupShape shape{prompt, completion, 8};
  WholeStep step(pool, shape, memory);
  StepTimes last;
  const Timing ours = time_whole_runs(kBudgetSeconds, [&] { last = step.run(); });
  const double parameters = step.parameters();
  BenchResult result;
  result.set_seconds(ours);
  result.limit_of = [config = step.config(), parameters, shape](const Ceilings& ceilings) {
    return least_seconds(config, parameters, shape, ceilings);
  };
  result.note =
      concat("a prompt of ", prompt, ", 8 completions of ", completion, ": generation, loss, backward, AdamW, weights to the engine (",
             format("%.2f s, %.2f s", last.generate, last.train), format(", %.3f s", last.sync), " of the last)",
             memory == Memory::lean ? "; moments in bfloat16, gate and up rows computed again" : "",
             "; limit: its products, and decode reading the weights");
  return result;
}

}  // namespace

std::vector<Benchmark> whole_step_benchmarks() {
  return {{"grpo_whole_step_2k_g8", whole_step<2048, 64, Memory::as_recipes_come>},
          {"grpo_whole_step_4k_g8", whole_step<4096, 128, Memory::as_recipes_come>},
          {"grpo_lean_step_2k_g8", whole_step<2048, 64, Memory::lean>},
          {"grpo_lean_step_4k_g8", whole_step<4096, 128, Memory::lean>}};
}

}  // namespace longbow::tools
