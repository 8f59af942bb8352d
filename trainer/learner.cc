#include "trainer/learner.h"

#include <chrono>
#include <filesystem>
#include <ios>
#include <memory>
#include <random>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/profile.h"
#include "core/random.h"
#include "data/chat_template.h"
#include "data/sources.h"
#include "model/checkpoint_dir.h"
#include "model/weight_snapshot.h"
#include "rewards/judge.h"
#include "rewards/reward.h"
#include "trainer/batch_collector.h"
#include "trainer/checkpoint.h"
#include "trainer/run_directory.h"
#include "trainer/step_metrics.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

kernels::DType compute_dtype(ComputeType type) { return type == ComputeType::float32 ? kernels::DType::f32 : kernels::DType::bf16; }

/// Tells this learner from every other, the one that it resumes included: what went before may have gone another way.
std::string fresh_run_id() {
  std::random_device device;
  const std::uint64_t number = std::uint64_t{device()} << 32 | device();
  return concat("run-", std::hex, number);
}

/// Everything a run holds, in the order in which it must be torn down.
class Run {
 public:
  Run(ThreadPool& pool, const TrainRecipe& recipe, const LearnerOptions& options);
  Json train();

 private:
  void publish(std::int64_t policy_version);
  void resume();
  void save(std::int64_t steps_done);
  void train_one(std::int64_t step);
  LearnerServerOptions server_options() const;

  ThreadPool& pool_;
  const TrainRecipe& recipe_;
  const LearnerOptions& options_;
  RunDirectory directory_;
  data::Tokenizer tokenizer_;
  data::PromptSource source_;
  Policy policy_;
  std::unique_ptr<Policy> reference_;
  Optimizer optimizer_;
  Scorer scorer_;
  const std::string run_id_ = fresh_run_id();
  model::SnapshotPublisher snapshots_;
  LearnerServer server_;
  BatchCollector collector_;
  std::int64_t first_step_ = 0;
  std::unique_ptr<StepMetrics> metrics_;
};

model::Weights read_weights(const std::string& dir) {
  const model::ModelConfig config = model::read_model_config(dir);
  return model::load_weights(dir, config, model::ParameterLayout(config));
}

data::PromptSource make_source(const TrainRecipe& recipe, const data::Tokenizer& tokenizer) {
  data::SourceOptions options;
  options.skip_bad_lines = recipe.data.skip_bad_lines;
  options.verl_reward = recipe.data.verl_reward;
  if (recipe.reward.command.empty()) {
    options.check = [&](const data::Item& item) {
      const bool is_judged = recipe.reward.judge && item.answer.reward == rewards::kJudgeReward;
      if (!is_judged) rewards::check_reward(item.answer.reward, item.answer.answers, item.answer.params);
    };
  }
  std::vector<data::Item> items = data::load_items(recipe.data.train, options);
  const auto longest = static_cast<std::size_t>(data::CodecLimits{}.max_text_bytes);
  for (const data::Item& item : items) {
    const std::string& name = item.id.size() > longest ? item.id : item.task;
    if (name.size() <= longest) continue;
    throw UserError(
        concat("data: expected ids and tasks of at most ", longest, " bytes, got one of ", name.size(), " ('", name.substr(0, 40), "…')"));
  }
  data::PromptSourceConfig config;
  config.seed = recipe.seed;
  config.max_prompt_tokens = recipe.data.max_prompt_tokens;
  for (const TaskWeight& weight : recipe.data.task_weights) config.task_weights[weight.task] = weight.weight;
  return data::PromptSource(std::move(items), tokenizer, data::ChatTemplate::load(recipe.model.path), config);
}

LearnerServerOptions Run::server_options() const {
  LearnerServerOptions server;
  server.endpoint =
      recipe_.rollout.endpoint.empty() ? "ipc://" + fs::absolute(directory_.file("learner.sock")).string() : recipe_.rollout.endpoint;
  server.curve_secret_key_file = options_.curve_secret_key_file;
  server.curve_client_keys_file = options_.curve_client_keys_file;
  server.run_id = run_id_;
  server.layout_hash = model::layout_hash(policy_.layout());
  server.compute_dtype = std::string(kernels::name_of(policy_.dtype()));
  server.vocab_size = policy_.config().vocab_size;
  server.lease_timeout_ms = recipe_.rollout.lease_timeout_ms;
  server.heartbeat_ms = recipe_.rollout.heartbeat_ms;
  server.max_message_bytes = largest_group_bytes(recipe_);
  return server;
}

Run::Run(ThreadPool& pool, const TrainRecipe& recipe, const LearnerOptions& options)
    : pool_(pool),
      recipe_(recipe),
      options_(options),
      directory_(options.run_dir, options.resume),
      tokenizer_(recipe.model.path),
      source_(make_source(recipe, tokenizer_)),
      policy_(pool, model::read_model_config(recipe.model.path), read_weights(recipe.model.path), compute_dtype(recipe.model.dtype),
              recipe.activation_budget_mib << 20),
      optimizer_(pool, recipe.optimizer, policy_.layout()),
      scorer_(recipe, tokenizer_),
      snapshots_(policy_.layout(), policy_.dtype(), stable_hash(run_id_)),
      server_(server_options()),
      collector_(recipe, tokenizer_.eos_id(), source_, server_, scorer_, options.on_wait) {
  directory_.store_recipe(config_to_json(recipe), options.resume);
  if (recipe.algorithm.ref_kl_every > 0 || recipe.algorithm.loss.kl_beta > 0) {
    reference_ = std::make_unique<Policy>(pool, policy_.config(), read_weights(recipe.model.path), policy_.dtype());
  }
  if (options.resume) resume();
  metrics_ = std::make_unique<StepMetrics>(directory_.path(), first_step_, recipe.algorithm.steps, options.quiet);
  publish(first_step_);
  if (options.on_ready) options.on_ready(server_.endpoint());
}

void Run::resume() {
  const std::string checkpoint = latest_checkpoint(directory_.checkpoints_path());
  if (checkpoint.empty()) {
    log_info("nothing saved yet: starting from the beginning");
    return;
  }
  const TrainerState state = load_checkpoint(checkpoint, policy_.layout(), policy_.weights(), optimizer_);
  policy_.refresh();
  source_.restore(state.extra.at("prompt_source"));
  first_step_ = state.step;
  log_info(concat("resuming after step ", first_step_, " from ", checkpoint));
}

void Run::publish(std::int64_t policy_version) {
  // Workers round to the compute type as the trainer does, so in that type they get all that they would use.
  server_.publish(policy_version, snapshots_.publish(pool_, policy_.weights().values.data(), policy_version));
}

void Run::save(std::int64_t steps_done) {
  TrainerState state;
  state.step = steps_done;
  state.optimizer_steps = optimizer_.steps_taken();
  state.extra["prompt_source"] = collector_.source_state_before(steps_done);
  const CheckpointTarget target{directory_.checkpoints_path(), recipe_.model.path, policy_.dtype()};
  save_checkpoint(target, state, policy_.config(), policy_.layout(), policy_.weights(), optimizer_, recipe_.checkpoint.keep);
}

void Run::train_one(std::int64_t step) {
  const auto begin = Clock::now();
  Profile profile;
  const Profile::Watch watch(profile);
  // Off-policy runs ask ahead: workers generate for later steps while this one trains.
  const std::int64_t horizon = std::min(step + recipe_.algorithm.max_off_policy_steps, recipe_.algorithm.steps - 1);
  const auto collect = [&] {
    const ProfileScope scope("rollout");
    for (std::int64_t ahead = step; ahead <= horizon; ++ahead) collector_.request(ahead);
    return collector_.collect(step, step);
  };
  CollectedBatch batch = collect();
  const double rollout_seconds = seconds_since(begin);

  std::vector<ScoredGroup> groups;
  for (GroupScore& score : batch.groups) groups.push_back(score.scored);
  StepOptions step_options;
  step_options.step = step;
  step_options.with_ref_kl = recipe_.algorithm.ref_kl_every > 0 && step % recipe_.algorithm.ref_kl_every == 0;
  const auto train_begin = Clock::now();
  const auto train = [&] {
    const ProfileScope scope("train");
    return grpo_step(recipe_, policy_, reference_.get(), optimizer_, groups, step_options);
  };
  const StepReport report = train();
  const double train_seconds = seconds_since(train_begin);
  const auto publish_begin = Clock::now();
  {
    const ProfileScope scope("publish");
    publish(step + 1);
  }
  metrics_->write(step, batch, report, server_.statistics(),
                  {rollout_seconds, train_seconds, seconds_since(publish_begin), seconds_since(begin), profile.entries()});
}

Json Run::train() {
  const std::int64_t steps = recipe_.algorithm.steps;
  std::int64_t saved_at = -1;
  std::int64_t step = first_step_;
  while (step < steps && !interrupted()) {
    try {
      train_one(step);
    } catch (const UserError&) {
      if (!interrupted()) throw;
      break;  // what was collected of this step is generated again after the resume
    }
    ++step;
    if (step % recipe_.checkpoint.every == 0) {
      save(step);
      saved_at = step;
    }
  }
  if (saved_at != step && step > first_step_) save(step);
  server_.finish(2 * recipe_.rollout.heartbeat_ms);
  Json result = metrics_->result();
  result["steps"] = step;
  result["seed"] = recipe_.seed;
  result["interrupted"] = interrupted();
  if (step == steps) {
    model::save_checkpoint_dir(directory_.checkpoints_path() + "/final", policy_.config(), policy_.layout(), policy_.weights(),
                               policy_.dtype(), recipe_.model.path);
  }
  directory_.store_result(result);
  return result;
}

}  // namespace

Json run_learner(ThreadPool& pool, const TrainRecipe& recipe, const LearnerOptions& options) {
  validate(recipe);
  Run run(pool, recipe, options);
  return run.train();
}

}  // namespace longbow::trainer
