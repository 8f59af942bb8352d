// `longbow rollout`: a worker that generates completions for a learner.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "core/errors.h"
#include "core/log.h"
#include "rollout/worker.h"
#include "tools/commands.h"
#include "tools/recipe_options.h"
#include "trainer/recipe.h"

namespace longbow::tools {
namespace {

struct RolloutArguments {
  RecipeOptions recipe;
  std::string endpoint;
  std::string worker_id;
  std::string curve_server_key_file;
  std::string curve_secret_key_file;
};

rollout::WorkerConfig worker_config(const trainer::TrainRecipe& recipe, const RolloutArguments& arguments) {
  rollout::WorkerConfig config;
  config.model_path = recipe.model.path;
  config.dtype = recipe.model.dtype == trainer::ComputeType::float32 ? rollout::ComputeType::float32 : rollout::ComputeType::bfloat16;
  config.threads = arguments.recipe.threads.value_or(recipe.rollout.threads_per_worker);
  config.concurrent_groups = recipe.rollout.concurrent_groups;
  config.prefill_chunk = recipe.rollout.prefill_chunk;
  config.kv_budget_mib = recipe.rollout.kv_budget_mib;
  config.give_up_ms = recipe.rollout.start_timeout_ms;
  config.curve_server_key_file = arguments.curve_server_key_file;
  config.curve_secret_key_file = arguments.curve_secret_key_file;
  return config;
}

}  // namespace

void add_rollout_command(CLI::App& app) {
  auto arguments = std::make_shared<RolloutArguments>();
  CLI::App* command = app.add_subcommand("rollout", "A rollout worker: generates completions for a learner");
  arguments->recipe.add_recipe_options(*command);
  command->add_option("--connect", arguments->endpoint, "The learner's ZeroMQ endpoint")->required();
  command->add_option("--worker-id", arguments->worker_id, "Name of this worker (default: host and process)");
  command->add_option("--curve-server-key", arguments->curve_server_key_file,
                      "The learner's public CURVE key (endpoints off this machine)");
  command->add_option("--curve-secret-key", arguments->curve_secret_key_file, "This worker's secret CURVE key");
  command->callback([arguments] {
    const auto recipe = arguments->recipe.read<trainer::TrainRecipe>();
    std::string worker_id = arguments->worker_id;
    if (worker_id.empty()) {
      char host[256] = "";
      ::gethostname(host, sizeof host - 1);
      worker_id = concat(host, "-", ::getpid());  // process numbers repeat between hosts
    }
    set_log_role(worker_id);
    const int code = rollout::run_worker(worker_config(recipe, *arguments), arguments->endpoint, worker_id);
    if (code != 0) throw CLI::RuntimeError(code);
  });
}

}  // namespace longbow::tools
