// The user's own reward: a program in any language that reads one JSON object a line and answers one a line. It is started
// once, fed in batches, bounded in time, and what it writes to standard error is shown.
//
//   in:  {"id", "prediction", "answers": […], "question", "params"}      out: {"id", "score": number or null, "reason"?}
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "rewards/reward.h"

namespace longbow::rewards {

struct RewardQuery {
  std::string id;  // echoed by the command
  std::string_view prediction;
  const std::vector<std::string>& answers;
  std::string_view question;
  const Json& params;
};

class RewardCommand {
 public:
  /// `command`: program and arguments, found in PATH. Throws UserError when it cannot be started.
  RewardCommand(std::vector<std::string> command, std::int64_t timeout_ms);
  ~RewardCommand();

  /// One result a query, in order. Throws UserError naming the command when it exits, answers nonsense (line shown), answers an
  /// unknown or doubled id, or takes longer than the time-out for the batch (the ids it still owed are named).
  std::vector<RewardResult> score(const std::vector<RewardQuery>& queries);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace longbow::rewards
