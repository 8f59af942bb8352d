// What a run will need before it runs: memory by part, tokens and FLOP by phase. Counted as docs/metrics.md says,
// over the shapes that the trainer and the engine really allocate. Upper bounds: every prompt and completion at full length.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/config.h"
#include "model/saved_activations.h"
#include "trainer/lm_recipe.h"
#include "trainer/recipe.h"

namespace longbow::tools {

/// Bytes of one part, in one process of its kind.
struct MemoryPart {
  std::string name;
  std::int64_t bytes = 0;
};

struct ProcessPlan {
  std::string name;  // "learner", "worker", "trainer"
  std::int64_t count = 1;
  std::vector<MemoryPart> parts;

  std::int64_t bytes() const;  // of one
};

/// Work of one step in one phase. Matrix products are split by how many rows they work on at once, since that decides the rate.
struct PhasePlan {
  std::string name;  // "prefill", "decode", "score", "train"
  double tokens = 0;
  double gemm_flop = 0;      // many rows at once
  double few_rows_flop = 0;  // RunPlan::decode_rows at once
  double attention_flop = 0;
};

struct StagePlan {
  std::string name;
  std::int64_t steps = 0;
  std::vector<PhasePlan> phases;
};

struct RunPlan {
  std::string kind;  // "grpo" or "next-token"
  model::ModelConfig model;
  bool bfloat16 = false;
  std::int64_t threads = 0;      // compute threads while it trains; 0: one per processor
  std::int64_t decode_rows = 0;  // rows a worker decodes at once; 0: no decoding
  std::vector<ProcessPlan> processes;
  std::vector<StagePlan> stages;       // GRPO: one
  double prompt_once_ratio = 0;        // rows of a step with the prompt repeated, over those trained; GRPO only
  std::int64_t group_cache_bytes = 0;  // of the longest group; GRPO only
  std::int64_t kv_budget_bytes = 0;
  model::KeptActivations kept = model::KeptActivations::everything;  // of a training pass at full length

  std::int64_t bytes() const;
};

RunPlan plan_grpo(const trainer::TrainRecipe& recipe, const model::ModelConfig& config);
RunPlan plan_next_token(const trainer::LmRecipe& recipe, const model::ModelConfig& config);

}  // namespace longbow::tools
