// A table of predictions with the score each must get, for the reward tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "rewards/reward.h"

namespace longbow::rewards {

struct Case {
  std::string prediction;
  std::vector<std::string> answers;
  double score;
};

inline RewardResult score_of(std::string_view reward, std::string_view prediction, const std::vector<std::string>& answers,
                             const Json& params = Json::object()) {
  return find_reward(reward)({prediction, answers, "", params});
}

inline void expect_scores(std::string_view reward, const std::vector<Case>& cases, const Json& params = Json::object()) {
  for (const Case& c : cases) {
    const RewardResult result = score_of(reward, c.prediction, c.answers, params);
    ASSERT_TRUE(result.score.has_value());
    EXPECT_NEAR(*result.score, c.score, 1e-12) << reward << ": \"" << c.prediction.substr(0, 200) << "\" against \""
                                               << c.answers[0].substr(0, 200) << "\": " << result.reason << ", extracted \""
                                               << result.extracted.substr(0, 200) << "\"";
    EXPECT_FALSE(result.reason.empty());
  }
}

}  // namespace longbow::rewards
