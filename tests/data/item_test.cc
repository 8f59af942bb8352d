// The item schema: what is written is read back, and a broken field is named.
#include "data/item.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

constexpr const char* kWhole = R"({"id":"a-1","task":"key_chain","family":"multi_evidence","messages":[{"role":"user","content":"c"}],
  "answer":{"reward":"math","answers":["7","seven"],"params":{"rel_tol":0.5}},"evidence":[{"start":1,"end":4}],"gold_chain":["x"],
  "question":"q?","num_tokens":12,"seed":3,"builder":"b@1","difficulty":{"num_candidates":4},"length_bin":"16"})";

TEST(Item, WritesEveryFieldItReads) {
  const Json json = parse_json(kWhole, "test");
  EXPECT_EQ(item_to_json(item_from_json(json)), json);
}

TEST(Item, OnlyIdTaskMessagesAndAnswerAreRequired) {
  const Item item = item_from_json(
      parse_json(R"({"id":"a","task":"t","messages":[{"role":"user","content":"c"}],"answer":{"reward":"math","answers":["7"]}})", "test"));
  EXPECT_EQ(item.num_tokens, 0);
  EXPECT_TRUE(item.evidence.empty());
}

TEST(Item, NamesTheBrokenField) {
  const struct {
    const char* key;
    const char* value;
    const char* expected;
  } cases[] = {
      {"id", "7", "\"id\" to be a string, got integer"},
      {"messages", "[]", "\"messages\" to hold at least one"},
      {"messages", R"([{"role":"user"}])", "\"messages.content\" to be a string, got nothing"},
      {"answer", R"({"reward":"math","answers":[]})", "\"answer.answers\" to hold at least one"},
      {"answer", R"({"reward":"math","answers":[7]})", "\"answer.answers\" to be an array of strings, got integer"},
      {"answer", R"({"answers":["7"]})", "\"answer.reward\" to be a string"},
      {"evidence", R"([{"start":1}])", "\"evidence.end\" to be an integer, got nothing"},
      {"num_tokens", "1.5", "\"num_tokens\" to be an integer, got number"},
      {"difficulty", "[]", "\"difficulty\" to be an object, got array"},
  };
  for (const auto& test : cases) {
    Json json = parse_json(kWhole, "test");
    json[test.key] = parse_json(test.value, "test");
    try {
      item_from_json(json);
      ADD_FAILURE() << test.key << " = " << test.value << " was accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
    }
  }
}

}  // namespace
}  // namespace longbow::data
