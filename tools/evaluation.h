// Generates answers to items with the rollout engine and scores them with the items' own rewards.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/thread_pool.h"
#include "data/item.h"
#include "kernels/dtype.h"
#include "tools/predictions.h"

namespace longbow::tools {

struct EvaluationOptions {
  std::string model_dir;
  kernels::DType dtype = kernels::DType::f32;
  std::int64_t num_samples = 1;  // answers an item; the score is their mean
  float temperature = 0;         // 0 is greedy
  std::int64_t max_completion_tokens = 256;
  std::int64_t max_context = 0;  // longer prompts are counted and skipped; 0: no bound
  std::int64_t concurrent_groups = 8;
  std::uint64_t seed = 0;
};

/// What an item's own reward gives a completion; 0 where it gives no score.
double score_completion(const data::Item& item, const std::string& completion);

/// Evaluates `items`, calling `done` for each as it finishes (in the order of finishing). Returns the number of skipped prompts.
/// Throws UserError for a model without tokenizer, or a reward that gives no score.
std::int64_t evaluate(ThreadPool& pool, const std::vector<data::Item>& items, const EvaluationOptions& options,
                      const std::function<void(const ItemScore&)>& done);

}  // namespace longbow::tools
