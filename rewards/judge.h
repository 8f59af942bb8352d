// A language model as judge: asks an OpenAI-compatible endpoint whether an answer means the same as a gold answer, many at a time.
// What cannot be judged is missing, never 0. The judge sees the extracted answer alone, between marks that it cannot know.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "rewards/reward.h"
#include "rewards/reward_command.h"

namespace longbow::rewards {

/// The name under which items and `score --reward` ask for a judge.
inline constexpr std::string_view kJudgeReward = "judge";
extern const std::string_view kJudgeInstructions;

struct JudgeConfig {
  std::string endpoint;
  std::string model;
  std::string api_key_env = "LONGBOW_JUDGE_API_KEY";
  std::int64_t concurrency = 16;
  std::int64_t timeout_ms = 60'000;
  std::int64_t retries = 4;
  std::int64_t backoff_ms = 500;
  std::int64_t max_tokens = 1024;
  std::string cache = "";
  std::string instructions{kJudgeInstructions};

  template <class Visitor>
  void visit(Visitor& v) {
    v.field("endpoint", endpoint, {.help = "Base URL of an OpenAI-compatible server, such as http://localhost:8000/v1.", .required = true});
    v.field("model", model, {.help = "The model's name at that server.", .required = true});
    v.field("api_key_env", api_key_env, {.help = "Environment variable that holds the API key; none is sent when it is not set."});
    v.field("concurrency", concurrency, {.help = "Requests under way at once.", .min = 1, .max = 1024});
    v.field("timeout_ms", timeout_ms, {.help = "Time for one request.", .unit = "ms", .min = 1});
    v.field("retries", retries, {.help = "Further tries after a failure; then the score is missing.", .min = 0, .max = 100});
    v.field("backoff_ms", backoff_ms, {.help = "Wait before the first retry; doubles with each, up to 30 s.", .unit = "ms", .min = 0});
    v.field("max_tokens", max_tokens, {.help = "Length limit of the judge's reply.", .unit = "tokens", .min = 1});
    v.field("cache", cache, {.help = "File that keeps verdicts from run to run (JSON lines); empty: memory alone."});
    v.field("instructions", instructions, {.help = "What the judge is told; must ask for exactly one [[YES]] or [[NO]]."});
  }
};

class Judge {
 public:
  /// Throws UserError for an endpoint that is no URL, or a cache that cannot be written.
  explicit Judge(JudgeConfig config);
  ~Judge();

  /// One result a query, in order; equal requests are sent once. 1 for exactly one [[YES]] and no [[NO]], 0 for one [[NO]] alone; missing
  /// after every try failed (no reply, status 408, 425, 429 or 5xx, no verdict) or for a request the server refuses. 0 without asking: no
  /// answer, broken thinking, an answer of more than 2000 bytes. Throws UserError for status 3xx, 401, 403, 404 and 405, which
  /// no try mends, and when interrupted.
  std::vector<RewardResult> score(const std::vector<RewardQuery>& queries);

  std::int64_t num_requests() const;  // sent so far, retries included

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::rewards
