// What `longbow eval` writes beside its report: predictions.jsonl, one scored item a line, and the numbers that come out of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/json.h"
#include "data/trajectory.h"

namespace longbow::tools {

struct ScoredAnswer {
  std::string text;
  std::string extracted;  // what the reward compared
  std::string reason;     // why this score
  double score = 0;
  std::int64_t tokens = 0;
  data::FinishReason finish_reason = data::FinishReason::stop;
};

/// One item's answers.
struct ItemScore {
  std::string id;
  std::string task;
  std::string length_bin;  // "1k", "2k" …; of the prompt's length when the item names none
  std::int64_t prompt_tokens = 0;
  double score = 0;  // mean over the samples
  std::vector<ScoredAnswer> samples;
};

Json to_json(const ItemScore& score);
/// Throws UserError naming what is missing or mistyped.
ItemScore item_score_from_json(const Json& json);

/// The items of a run that may have been stopped: a torn last line is left out, and there are none when there is no such file.
/// Throws UserError "FILE:LINE: …" for a whole line that is no prediction.
std::vector<ItemScore> read_predictions(const std::string& path);

/// {"mean","low","high","items"}: the mean of item scores with a 95% interval over items; Wilson's for scores that are all 0 or 1,
/// else mean ± 1.96 standard errors. Source: E. B. Wilson, JASA 22 (1927), eq. 9.
Json mean_with_interval(const std::vector<double>& scores);

/// "accuracy", "per_task", "per_length" (shortest first) and "per_task_and_length", each of mean_with_interval(); "completion_tokens"
/// {"mean","max"} and "truncated_fraction" over all answers.
Json summarize(const std::vector<ItemScore>& scores);

}  // namespace longbow::tools
