#include "rewards/sequence_ratio.h"

#include "core/errors.h"
#include "core/line_reader.h"
#include "tests/rewards/scored.h"

namespace longbow::rewards {
namespace {

TEST(SequenceRatio, EqualsPythonsDifflib) {
  const Json golden = read_json_file(std::string(LONGBOW_SOURCE_DIR) + "/tests/rewards/sequence_ratio_golden.json");
  for (const Json& entry : golden.at("cases").as_array()) {
    const std::string &a = entry.at("a").as_string(), &b = entry.at("b").as_string();
    EXPECT_DOUBLE_EQ(sequence_ratio(a, b), entry.at("ratio").as_number()) << a << "\n" << b;
  }
  EXPECT_GE(golden.at("cases").size(), 40u);
}

TEST(SequenceRatio, HoldsForTextsOfOtherLengths) {
  const std::string text = "The moon hung low over the harbour; nobody spoke. Later, a quay — empty.";
  EXPECT_EQ(sequence_ratio(text, text), 1);
  EXPECT_EQ(sequence_ratio(text, ""), 0);
  EXPECT_EQ(sequence_ratio("", ""), 1);
  EXPECT_EQ(sequence_ratio("abc", "xyz"), 0);
  EXPECT_DOUBLE_EQ(sequence_ratio("\xff\xfe", "\xff"), 2.0 / 3);
}

TEST(SequenceRatioReward, AsksForThePrefixFirst) {
  Json params = Json::object();
  params["prefix"] = "q7Xz";
  const std::string gold = "q7XzOnce upon a midnight dreary";
  expect_scores("sequence_ratio",
                {
                    {gold, {gold}, 1},
                    {gold, {"Once upon a midnight dreary"}, 1},
                    {"<think>which one?</think>\n\n" + gold, {gold}, 1},
                    {"q7XzOnce upon", {"q7XzOnce upon a bed"}, 2.0 * 9 / (9 + 15)},
                    {"q7Xz", {gold}, 0},
                    {"", {gold}, 0},
                    {"Once upon a midnight dreary", {gold}, 0},
                    {"Q7xzOnce upon a midnight dreary", {gold}, 0},
                    {"Sure! " + gold, {gold}, 0},
                    {"<think>" + gold, {gold}, 0},
                    {"<think>" + gold + "</think>", {gold}, 0},
                    {"a</think>b</think>" + gold, {gold}, 0},
                    {gold + std::string(1 << 20, 'x'), {gold}, 0},
                    {"q7Xz", {"q7Xz", ""}, 0},
                    {"q7Xzabcd", {"q7Xzabxx", "q7Xzabcd"}, 1},
                },
                params);
  expect_scores("sequence_ratio", {{"any text", {"any text"}, 1}, {" any text", {"any text"}, 16.0 / 17}});
  params["prefix"] = 7;
  EXPECT_THROW(score_of("sequence_ratio", "7", {"7"}, params), UserError);
}

}  // namespace
}  // namespace longbow::rewards
