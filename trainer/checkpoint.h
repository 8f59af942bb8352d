// Checkpoints: a Hugging Face directory that also holds the trainer's state (f32 master weights, AdamW's moments, counters,
// prompt source). Written beside and renamed, so a folder without ".partial" in its name is complete.
#pragma once

#include <cstdint>
#include <string>

#include "core/json.h"
#include "model/config.h"
#include "model/weights.h"
#include "trainer/optimizer.h"

namespace longbow::trainer {

/// What training goes on from, besides the weights and moments.
struct TrainerState {
  std::int64_t step = 0;  // steps done
  std::int64_t optimizer_steps = 0;
  Json extra = Json::object();  // what the caller needs: prompt source, counters, totals
};

struct CheckpointTarget {
  std::string checkpoints_dir;
  std::string tokenizer_dir;  // tokenizer files are copied from here
  kernels::DType dtype = kernels::DType::bf16;
};

/// Writes checkpoints_dir/step_000123 and returns its path. `keep` newest checkpoints remain.
std::string save_checkpoint(const CheckpointTarget& target, const TrainerState& state, const model::ModelConfig& config,
                            const model::ParameterLayout& layout, const model::Weights& weights, Optimizer& optimizer, std::int64_t keep);

/// Restores weights and optimizer in place and returns the state. Throws UserError for a folder of another model or a damaged one.
TrainerState load_checkpoint(const std::string& dir, const model::ParameterLayout& layout, model::Weights& weights, Optimizer& optimizer);

/// The newest complete checkpoint in `checkpoints_dir`, or an empty string.
std::string latest_checkpoint(const std::string& checkpoints_dir);

}  // namespace longbow::trainer
