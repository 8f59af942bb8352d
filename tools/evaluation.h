// Generates answers to items with the rollout engine and scores them with the items' own rewards.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/json.h"
#include "core/thread_pool.h"
#include "data/item.h"
#include "kernels/dtype.h"

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

/// One item's answers.
struct ItemScore {
  std::string id;
  std::string task;
  std::int64_t prompt_tokens = 0;
  double score = 0;  // mean over the samples
  std::vector<std::string> texts;
  std::vector<std::string> extracted;
  std::vector<double> scores;
};

/// Evaluates `items`, calling `done` for each as it finishes (in the order of finishing). Returns the number of skipped prompts.
/// Throws UserError for a model without tokenizer, or a reward that gives no score.
std::int64_t evaluate(ThreadPool& pool, const std::vector<data::Item>& items, const EvaluationOptions& options,
                      const std::function<void(const ItemScore&)>& done);

/// {"mean","low","high","items"}: the mean of item scores with a 95% interval over items; Wilson's for scores that are all 0 or 1,
/// else mean ± 1.96 standard errors. Source: E. B. Wilson, JASA 22 (1927), eq. 9.
Json mean_with_interval(const std::vector<double>& scores);

}  // namespace longbow::tools
