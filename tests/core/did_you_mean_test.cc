#include "core/did_you_mean.h"

#include <gtest/gtest.h>

namespace longbow {
namespace {

TEST(DidYouMean, FindsTheNearest) {
  const std::vector<std::string> names = {"train", "learner", "rollout", "eval", "learning_rate", "kl_beta", "k"};
  const struct {
    const char* name;
    const char* match;
  } cases[] = {
      {"trian", "train"},     {"Train", "train"},
      {"learnr", "learner"},  {"roll_out", "rollout"},
      {"evl", "eval"},        {"learnig_rate", "learning_rate"},
      {"kl-beta", "kl_beta"}, {"j", "k"},
      {"banana", nullptr},    {"", "k"},
      {"lr", nullptr},
  };
  for (const auto& [name, match] : cases) {
    const auto found = closest_match(name, names);
    EXPECT_EQ(found.value_or("none"), match ? match : "none") << name;
  }
  EXPECT_EQ(closest_match("x", {}), std::nullopt);
  EXPECT_EQ(closest_match(std::string(100000, 'x'), names), std::nullopt);
}

TEST(DidYouMean, EndsAMessage) {
  EXPECT_EQ(did_you_mean("evl", {"eval"}), "; did you mean \"eval\"?");
  EXPECT_EQ(did_you_mean("banana", {"eval"}), "");
}

}  // namespace
}  // namespace longbow
