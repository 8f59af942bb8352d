// `longbow train` (all roles on this machine) and `longbow learner` (workers come from elsewhere).
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "core/errors.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/log_relay.h"
#include "core/process.h"
#include "tools/commands.h"
#include "tools/recipe_options.h"
#include "tools/report_page.h"
#include "trainer/learner.h"

namespace longbow::tools {
namespace {

constexpr int kMaxRestarts = 3;  // of one worker before the run gives up

/// The worker processes of `train`: started when the learner is ready, restarted when they die, ended with the run.
class LocalWorkers {
 public:
  LocalWorkers(std::string recipe_path, std::int64_t count)
      : recipe_path_(std::move(recipe_path)), workers_(static_cast<std::size_t>(count)) {}

  void start(const std::string& endpoint) {
    endpoint_ = endpoint;
    for (std::size_t i = 0; i < workers_.size(); ++i) start_one(i);
  }

  void look_after() {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (!workers_[i].process) continue;
      const auto status = workers_[i].process->poll();
      if (!status) continue;
      if (++workers_[i].restarts > kMaxRestarts) {
        throw UserError(concat("worker ", i, ": expected it to live, got ", status->describe(), " for the ", kMaxRestarts + 1, "th time"),
                        "its own messages stand above");
      }
      log_warning(concat("worker ", i, " ended with ", status->describe(), "; starting it again"));
      start_one(i);
    }
  }

 private:
  struct Worker {
    std::unique_ptr<ChildProcess> process;
    int restarts = 0;
  };

  void start_one(std::size_t i) {
    ProcessOptions options;
    options.error_descriptor = messages_.descriptor();
    workers_[i].process = std::make_unique<ChildProcess>(
        std::vector<std::string>{"/proc/self/exe", "rollout", recipe_path_, "--connect", endpoint_, "--worker-id", concat("worker-", i)},
        options);
  }

  std::string recipe_path_;
  std::string endpoint_;
  LogRelay messages_;  // outlives those who write to it
  std::vector<Worker> workers_;
};

struct LearnerArguments {
  RecipeOptions recipe;
  std::string endpoint;
  std::string curve_secret_key_file;
  std::string curve_client_keys_file;
};

void print_result(const RecipeOptions& options, const Json& result) {
  if (options.json) {
    std::cout << result.dump() << "\n";
    return;
  }
  std::cout << "trained " << result.at("steps").as_integer() << " steps into " << options.run_directory() << "\n";
}

void run(const LearnerArguments& arguments, bool with_workers) {
  auto recipe = arguments.recipe.read<trainer::TrainRecipe>();
  if (!arguments.endpoint.empty()) recipe.rollout.endpoint = arguments.endpoint;
  const std::string run_dir = arguments.recipe.run_directory();
  catch_interrupts();
  ThreadPool pool(static_cast<int>(recipe.threads));
  LocalWorkers workers(run_dir + "/recipe.json", with_workers ? recipe.rollout.workers : 0);
  trainer::LearnerOptions options;
  options.run_dir = run_dir;
  options.resume = arguments.recipe.resume;
  options.curve_secret_key_file = arguments.curve_secret_key_file;
  options.curve_client_keys_file = arguments.curve_client_keys_file;
  options.on_ready = [&](const std::string& endpoint) {
    log_info(concat("learner at ", endpoint));
    workers.start(endpoint);
  };
  options.on_wait = [&] { workers.look_after(); };
  const Json result = trainer::run_learner(pool, recipe, options);
  write_run_report(run_dir);
  print_result(arguments.recipe, result);
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto arguments = std::make_shared<LearnerArguments>();
  CLI::App* command = app.add_subcommand("train", "Fine-tune a model with GRPO: learner and rollout workers on this machine");
  arguments->recipe.add_to(*command);
  arguments->recipe.add_run_options(*command);
  RecipeOptions::add_schema_flag<trainer::TrainRecipe>(*command);
  command->callback([arguments] { run(*arguments, true); });
}

void add_learner_command(CLI::App& app) {
  auto arguments = std::make_shared<LearnerArguments>();
  CLI::App* command = app.add_subcommand("learner", "The learner of a GRPO run alone; workers connect with longbow rollout");
  arguments->recipe.add_to(*command);
  arguments->recipe.add_run_options(*command);
  command->add_option("--bind", arguments->endpoint, "ZeroMQ endpoint, such as tcp://127.0.0.1:5555");
  command->add_option("--curve-secret-key", arguments->curve_secret_key_file,
                      "The learner's secret CURVE key (endpoints off this machine)");
  command->add_option("--curve-client-keys", arguments->curve_client_keys_file, "Public CURVE keys of the workers, one a line");
  command->callback([arguments] { run(*arguments, false); });
}

}  // namespace longbow::tools
