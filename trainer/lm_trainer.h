// Next-token training as a run: `pretrain` and `sft` with stages, metrics, checkpoints and exact resumption.
#pragma once

#include <string>

#include "core/json.h"
#include "core/thread_pool.h"
#include "trainer/lm_recipe.h"

namespace longbow::trainer {

struct LmTrainerOptions {
  std::string run_dir;
  bool resume = false;
  bool quiet = false;  // no progress line
};

/// Runs all stages, or until interrupted (a checkpoint is saved first). Returns the contents of result.json.
/// Throws UserError for a bad recipe, tokenizer or model.
Json run_lm_training(ThreadPool& pool, const LmRecipe& recipe, const LmTrainerOptions& options);

}  // namespace longbow::trainer
