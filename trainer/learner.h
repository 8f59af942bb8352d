// The learner: hands prompts out, collects and scores groups, trains, publishes weights, checkpoints. One loop whose every
// step is a pure function of the recipe, the data and the weights, so that a run can be killed anywhere and resumed.
#pragma once

#include <functional>
#include <string>

#include "core/json.h"
#include "core/thread_pool.h"
#include "trainer/recipe.h"

namespace longbow::trainer {

struct LearnerOptions {
  std::string run_dir;
  bool resume = false;
  std::string curve_secret_key_file;  // for endpoints off this machine
  std::string curve_client_keys_file;
  bool quiet = false;  // no progress line
  /// Called once with the endpoint workers are to connect to.
  std::function<void(const std::string& endpoint)> on_ready;
  /// Called every now and then while waiting; `train` looks after its worker processes here and throws when they cannot live.
  std::function<void()> on_wait;
};

/// Runs until the recipe's last step, or until interrupted (a checkpoint is saved first). Returns the contents of result.json.
/// Throws UserError for a bad recipe, model or data set, when no worker comes within start_timeout_ms, or when dynamic sampling gives up.
Json run_learner(ThreadPool& pool, const TrainRecipe& recipe, const LearnerOptions& options);

}  // namespace longbow::trainer
