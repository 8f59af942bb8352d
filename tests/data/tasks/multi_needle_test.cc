// MultiNeedle against conversations written by hand; which turn is asked for, and that the turns' order is the text's.
#include "data/tasks/multi_needle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kConversation =
    "Aaron: Write a memo about the salmon.\nAssistant: One stone.\n\n"
    "Aaron: Next, a poem about the salmon.\nAssistant: Two stones.\n\n"
    "Aaron: A memo about the salmon, please.\nAssistant: Three stones. Four stones.\n\n"
    "Aaron: I need a memo about the trout.\nAssistant: Five stones.";

Reading read(const std::string& context, const std::string& question, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.task = "multi_needle";
  item.question = question;
  item.messages = {{"user", context + "\n\nQuestion: " + question}};
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  return read_item(item, test_corpus());
}

TEST(ReadMultiNeedle, CountsTurnsWithTheFormAndTheTopic) {
  const auto ask = [](const char* which) {
    return concat("Quote the ", which, " memo about the salmon in full, preceded by q7 and a space.");
  };
  const Reading first = read(kConversation, ask("first")), second = read(kConversation, ask("second"));
  EXPECT_THAT(first.answers, ElementsAre("q7 One stone."));
  EXPECT_THAT(second.answers, ElementsAre("q7 Three stones. Four stones."));
  EXPECT_THAT(second.guesses, ElementsAre("q7 One stone.", "q7 Three stones. Four stones."));
  EXPECT_THAT(second.gold_chain, ElementsAre("Aaron: A memo about the salmon, please.\nAssistant: Three stones. Four stones."));
  EXPECT_EQ(read(kConversation, ask("second"), second.gold_chain).oracle_answer, second.answers[0]);
  EXPECT_THAT(read(kConversation, ask("third")).answers, IsEmpty());
  EXPECT_THAT(read(kConversation, ask("last")).problem, HasSubstr("question"));
}

TEST(ReadMultiNeedle, ReadsReferences) {
  const std::string context =
      "Aaron: Write a memo about the salmon.\nAssistant: One stone. Its reference is 111.\n\n"
      "Aaron: Let me have a memo about the salmon.\nAssistant: Its reference is 222. Two stones.";
  const Reading reading =
      read(context, "State the reference found in the second memo about the salmon.",
           {"The first memo about the salmon has the reference 111.", "The second memo about the salmon has the reference 222."});
  EXPECT_EQ(reading.problem, "");
  EXPECT_THAT(reading.answers, ElementsAre("222"));
  EXPECT_EQ(reading.oracle_answer, "222");
  EXPECT_EQ(reading.gold_chain.size(), 2u);
}

TEST(ReadMultiNeedle, WhatIsNoConversationIsAProblem) {
  const std::string question = "State the reference found in the first memo about the salmon.";
  EXPECT_THAT(read("Aaron: Write a memo about the salmon.\nAssistant: One.\n\nA stray line.", question).problem, HasSubstr("no turn"));
  EXPECT_THAT(read("Aaron: Write a memo about the salmon.\nAssistant: One.", question).problem, HasSubstr("0 references"));
  const std::string twice = "Aaron: Write a memo about the salmon.\nAssistant: One.";
  EXPECT_THAT(read(twice + "\n\n" + twice, "Quote the first memo about the salmon in full, preceded by q7 and a space.").problem,
              HasSubstr("read the same"));
}

class MultiNeedleAnswers : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Kinds, MultiNeedleAnswers, ::testing::Values("text", "code"), [](const auto& info) { return info.param; });

TEST_P(MultiNeedleAnswers, EveryTurnIsAskedForAsOftenAndTheCountIsRight) {
  const auto builder =
      builder_of(concat(R"({"task":"multi_needle","max_tokens":1200,"min_same":5,"max_same":5,"answer":")", GetParam(), "\"}"));
  int asked[5] = {}, total = 0;
  for (std::int64_t index = 0; index < 200; ++index) {
    const auto item = builder->build(5, index, count_quarter_bytes);
    if (!item) continue;
    ++total;
    const std::int64_t which = item->difficulty.at("asked").as_integer();
    ++asked[which - 1];
    // Recounted without the reader: form and topic side by side occur once in each request, and once in the question.
    const auto parts = *split_message(item->messages[0].content);
    std::string_view question = parts.question;
    const std::size_t about = question.find(" about the ");
    const std::size_t form = question.rfind(' ', about - 1) + 1, topic_end = question.find_first_of(" .,?;", about + 11);
    const std::string wanted(question.substr(form, topic_end - form));
    std::vector<std::size_t> starts;
    for (std::size_t at = parts.context.find(wanted); at != std::string_view::npos; at = parts.context.find(wanted, at + 1)) {
      if (!std::isalpha(static_cast<unsigned char>(parts.context[at + wanted.size()]))) starts.push_back(at);
    }
    ASSERT_EQ(starts.size(), 5u) << item->id;
    const std::size_t asked_at = starts[static_cast<std::size_t>(which) - 1];
    EXPECT_LE(item->evidence[0].start, static_cast<std::int64_t>(asked_at));
    EXPECT_GT(item->evidence[0].end, static_cast<std::int64_t>(asked_at));
  }
  double chi2 = 0;
  for (const int count : asked) chi2 += (count - total / 5.0) * (count - total / 5.0) / (total / 5.0);
  EXPECT_LT(chi2, 18.5);  // 4 degrees of freedom, p = 0.001; the seed is fixed
}

TEST(MultiNeedle, TextIsAnsweredAloneAndBehindItsPrefix) {
  const Item item = item_of(R"({"task":"multi_needle"})");
  EXPECT_EQ(item.answer.reward, "sequence_ratio");
  const std::string prefix = item.answer.params.at("prefix").as_string();
  EXPECT_EQ(sft_answer(item), item.answer.answers[0]);
  EXPECT_TRUE(item.answer.answers[0].starts_with(prefix + " "));
  EXPECT_THAT(item.question, HasSubstr(prefix));
  EXPECT_THAT(std::string(split_message(item.messages[0].content)->context), HasSubstr(item.answer.answers[0].substr(prefix.size() + 1)));
}

TEST(MultiNeedle, OrdinalsReadBack) {
  for (const auto& [number, text] :
       {std::pair{1, "first"}, {12, "twelfth"}, {13, "13th"}, {21, "21st"}, {22, "22nd"}, {33, "33rd"}, {111, "111th"}}) {
    EXPECT_EQ(ordinal(number), text);
    EXPECT_EQ(number_of_ordinal(text), number);
  }
  for (const char* text : {"", "zeroth", "21th", "1st", "-3rd", "99999999999999999999th"}) EXPECT_EQ(number_of_ordinal(text), 0) << text;
}

TEST(MultiNeedle, MoreTurnsThanMostAreRefused) {
  EXPECT_THROW(builder_of(R"({"task":"multi_needle","min_same":8,"max_same":4})"), UserError);
}

}  // namespace
}  // namespace longbow::data
