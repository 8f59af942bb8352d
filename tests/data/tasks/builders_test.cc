// Properties of every builder: deterministic, as long as asked, evidence anywhere, names of one split, and always an end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/errors.h"
#include "data/dataset.h"
#include "data/tasks/long_math.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

std::string entry(const std::string& task, const std::string& more = "") { return R"({"task":")" + task + "\"" + more + "}"; }

class EveryBuilder : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Tasks, EveryBuilder,
                         ::testing::Values("fuzzy_needle", "key_chain", "long_doc_qa", "long_math", "multi_needle", "multi_query"),
                         [](const auto& info) { return info.param; });

// Those whose answer is one word of one sentence.
class SentenceBuilder : public EveryBuilder {};
INSTANTIATE_TEST_SUITE_P(Tasks, SentenceBuilder, ::testing::Values("fuzzy_needle", "key_chain", "long_math"),
                         [](const auto& info) { return info.param; });

TEST_P(EveryBuilder, SameSeedAndIndexGiveTheSameItem) {
  const auto builder = builder_of(entry(GetParam())), again = builder_of(entry(GetParam()));
  for (const std::int64_t index : {5, 0, 3}) {  // in no order
    const auto one = builder->build(9, index, count_quarter_bytes), other = again->build(9, index, count_quarter_bytes);
    ASSERT_EQ(one.has_value(), other.has_value());
    if (one) {
      EXPECT_EQ(item_to_json(*one).dump(), item_to_json(*other).dump());
    }
  }
}

TEST_P(EveryBuilder, OtherSeedsIndexesAndSplitsHaveOtherIdsAndTexts) {
  std::set<std::string> ids, texts;
  for (const char* split : {"train", "heldout"}) {
    const auto builder = builder_of(entry(GetParam(), std::string(R"(,"split":")") + split + "\""));
    for (const std::uint64_t seed : {1, 2}) {
      for (std::int64_t index = 0; index < 4; ++index) {
        const auto item = builder->build(seed, index, count_quarter_bytes);
        ASSERT_TRUE(item);
        ids.insert(item->id);
        texts.insert(item->messages[0].content);
      }
    }
  }
  EXPECT_EQ(ids.size(), 16u);
  EXPECT_EQ(texts.size(), 16u);
}

TEST_P(EveryBuilder, LengthEndsAtMostTwoPercentBelowTheLimit) {
  for (const std::int64_t limit : {512, 1024, 4096, 16384}) {
    const auto builder = builder_of(entry(GetParam(), concat(R"(,"max_tokens":)", limit)));
    int built = 0;
    for (std::int64_t index = 0; index < 5; ++index) {
      const auto item = builder->build(4, index, count_quarter_bytes);
      if (!item) continue;
      ++built;
      EXPECT_LE(item->num_tokens, limit);
      EXPECT_GE(item->num_tokens, limit - limit / 50);
      EXPECT_EQ(item->num_tokens, count_quarter_bytes(item->messages[0].content));
    }
    EXPECT_GE(built, 4) << limit;
  }
}

TEST_P(SentenceBuilder, FollowUpsAskTheSameTextForOtherAnswersThatItHolds) {
  const auto builder = builder_of(entry(GetParam(), R"(,"max_tokens":600)"));
  int follow_ups = 0;
  for (std::int64_t index = 0; index < 10; ++index) {
    const std::vector<Item> items = builder->build_with_follow_ups(3, index, count_quarter_bytes);
    for (const Item& item : items) {
      SCOPED_TRACE(item.messages[0].content);
      const Reading reading = read_item(item, test_corpus());
      EXPECT_EQ(reading.problem, "");
      EXPECT_EQ(reading.answers, item.answer.answers);
      EXPECT_EQ(reading.gold_chain, item.gold_chain);
      ASSERT_EQ(reading.evidence.size(), item.evidence.size());
      for (std::size_t i = 0; i < item.evidence.size(); ++i) EXPECT_EQ(reading.evidence[i].start, item.evidence[i].start);
      if (&item == &items[0]) continue;
      ++follow_ups;
      EXPECT_NE(item.question, items[0].question);
      EXPECT_EQ(split_message(item.messages[0].content)->context, split_message(items[0].messages[0].content)->context);
    }
  }
  EXPECT_GE(follow_ups, 10);
}

TEST_P(EveryBuilder, RangeOfLengthsIsUsed) {
  const auto builder = builder_of(entry(GetParam(), R"(,"max_tokens":2000,"min_tokens":600)"));
  std::int64_t shortest = 1 << 20, longest = 0;
  for (std::int64_t index = 0; index < 40; ++index) {
    const auto item = builder->build(4, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    shortest = std::min(shortest, item->num_tokens);
    longest = std::max(longest, item->num_tokens);
  }
  EXPECT_GE(shortest, 588);
  EXPECT_LT(shortest, 900);
  EXPECT_GT(longest, 1700);
}

TEST_P(EveryBuilder, WhatCannotFitEndsAsNoItem) {
  int calls = 0;
  const TokenCounter huge = [&](std::string_view) { return ++calls, std::int64_t{1000000}; };
  EXPECT_FALSE(builder_of(entry(GetParam()))->build(1, 0, huge));
  calls = 0;
  const TokenCounter stuck = [&](std::string_view) { return ++calls, std::int64_t{10}; };  // a counter that never grows
  EXPECT_FALSE(builder_of(entry(GetParam()))->build(1, 0, stuck));
  EXPECT_LT(calls, 200);
}

TEST_P(EveryBuilder, NamesAreOfTheSplit) {
  for (const Split split : {Split::train, Split::heldout}) {
    const Item item = item_of(entry(GetParam(), concat(R"(,"split":")", name_of(split), "\"")));
    const Reading reading = read_item(item, test_corpus());
    ASSERT_FALSE(reading.entities.empty());
    for (const std::string& name : reading.entities) EXPECT_EQ(split_of(name), split) << name;
  }
}

TEST_P(SentenceBuilder, AnswerIsOnlyInTheEvidence) {
  const auto builder = builder_of(entry(GetParam()));
  for (std::int64_t index = 0; index < 10; ++index) {
    const auto item = builder->build(2, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    const std::string& text = item->messages[0].content;
    std::string rest;
    std::size_t at = 0;
    std::vector<EvidenceSpan> spans = item->evidence;
    std::sort(spans.begin(), spans.end(), [](const EvidenceSpan& a, const EvidenceSpan& b) { return a.start < b.start; });
    for (const EvidenceSpan& span : spans) {
      rest += text.substr(at, span.start - at);
      at = span.end;
    }
    rest += text.substr(at);
    const std::vector<std::string> words = lower_words(rest);
    EXPECT_EQ(std::count(words.begin(), words.end(), lower_words(item->answer.answers[0]).front()), 0) << item->id;
  }
}

TEST_P(EveryBuilder, EvidenceDepthIsUniform) {
  const auto builder = builder_of(entry(GetParam(), R"(,"max_tokens":700)"));
  int bins[5] = {}, total = 0;
  for (std::int64_t index = 0; index < 300; ++index) {
    const auto item = builder->build(8, index, count_quarter_bytes);
    if (!item) continue;
    const double context = static_cast<double>(split_message(item->messages[0].content)->context.size());
    const EvidenceSpan& span = item->evidence[0];  // one a item, so that counts are independent
    ++bins[std::min(4, static_cast<int>(5 * static_cast<double>(span.start + span.end) / 2 / context))];
    ++total;
  }
  double chi2 = 0;
  for (const int count : bins) chi2 += (count - total / 5.0) * (count - total / 5.0) / (total / 5.0);
  EXPECT_LT(chi2, 18.5);  // 4 degrees of freedom, p = 0.001; the seed is fixed
}

TEST_P(SentenceBuilder, SupervisedAnswerEndsInTheGoldAnswer) {
  const Item item = item_of(entry(GetParam()));
  const std::string text = sft_answer(item);
  EXPECT_TRUE(text.ends_with(" The answer is " + item.answer.answers[0] + ".")) << text;
  EXPECT_THAT(text, HasSubstr(item.gold_chain[0]));
}

TEST(Builders, GoDownToOneStep) {
  const struct {
    const char* entry;
    std::int64_t num_candidates;
    std::size_t evidence;
  } cases[] = {
      {R"({"task":"fuzzy_needle","max_tokens":150,"num_distractors":2,"num_decoys":0,"num_categories":3,"members_per_category":2,"num_verbs":1})",
       3, 1},
      {R"({"task":"fuzzy_needle","max_tokens":300,"hops":2,"num_distractors":2})", 4, 2},
      {R"({"task":"key_chain","max_tokens":150,"keys_per_chain":1,"num_chains":2,"key_digits":4,"code_digits":2})", 2, 2},
      {R"({"task":"key_chain","max_tokens":300,"keys_per_chain":3,"num_chains":2})", 2, 4},
      {R"({"task":"long_math","max_tokens":150,"num_steps":1,"max_value":10,"num_decoy_cases":0,"num_noise":0,"operations":["more"]})", 8,
       2},
  };
  for (const auto& test : cases) {
    const Item item = item_of(test.entry);
    EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), test.num_candidates) << test.entry;
    EXPECT_EQ(item.evidence.size(), test.evidence) << test.entry;
    const Reading reading = read_item(item, test_corpus());
    EXPECT_EQ(reading.problem, "");
    EXPECT_EQ(reading.answers, item.answer.answers);
  }
}

// Questions with names, keys, numbers and things masked: a model must not learn one sentence by heart.
TEST(Builders, QuestionsHaveTwelveSkeletonsAndMore) {
  std::set<std::string> things;
  for (const Category& category : test_corpus().categories()) {
    things.insert(category.word);
    things.insert(category.members.begin(), category.members.end());
  }
  things.insert(kThings.begin(), kThings.end());
  for (const std::string& task : task_names()) {
    const auto builder = builder_of(entry(task, R"(,"max_tokens":1024)"));
    std::set<std::string> skeletons;
    for (std::int64_t index = 0; index < 200 && skeletons.size() < 12; ++index) {
      const auto item = builder->build(6, index, count_quarter_bytes);
      if (!item) continue;
      std::string skeleton;
      for (const std::string& word : lower_words(item->question)) {
        const bool is_code = word.find_first_of("0123456789") != std::string::npos;
        const bool is_name = item->question.find(word) == std::string::npos;  // it has a capital letter
        skeleton += is_code || is_name || things.contains(word) ? "* " : word + " ";
      }
      skeletons.insert(skeleton);
    }
    EXPECT_GE(skeletons.size(), 12u) << task << ": " << ::testing::PrintToString(skeletons);
  }
}

TEST(Builders, OneWordingIsOneWording) {
  for (const char* task : {"fuzzy_needle", "key_chain", "long_math"}) {
    std::set<std::string> first_words;
    for (std::int64_t index = 0; index < 20; ++index) {
      const Item item = item_of(entry(task, R"(,"num_question_wordings":1)"), 2, index);
      first_words.insert(item.question.substr(0, item.question.find(' ')));
    }
    EXPECT_EQ(first_words.size(), 1u) << task;
  }
}

TEST(Builders, LongMathHasFiveFragmentsByDefault) { EXPECT_EQ(item_of(R"({"task":"long_math"})").evidence.size(), 5u); }

TEST(Builders, KeyChainDefaultsToFourChainsForEachThousandTokens) {
  for (const auto& [tokens, chains] : {std::pair{300, 2}, {1024, 4}, {4096, 16}}) {
    EXPECT_EQ(item_of(concat(R"({"task":"key_chain","max_tokens":)", tokens, "}")).difficulty.at("num_candidates").as_integer(), chains);
  }
}

TEST(Builders, WrongEntriesAreRefusedByName) {
  const struct {
    const char* entry;
    const char* expected;
  } cases[] = {
      {R"({"task":"fuzzy_nedle"})", "did you mean \"fuzzy_needle\""},
      {R"({"count":3})", "/task: expected a builder's name, got nothing"},
      {R"({"task":"key_chain","keys_per_chian":2})", "keys_per_chian"},
      {R"({"task":"long_math","operations":["less"]})", "got \"less\""},
      {R"({"task":"long_math","operations":[]})", "at least one"},
      {R"({"task":"long_math","num_steps":1,"operations":["together"]})", "/num_steps"},
      {R"({"task":"key_chain","max_tokens":200,"min_tokens":300})", "min_tokens <= max_tokens"},
  };
  for (const auto& test : cases) {
    try {
      builder_of(test.entry);
      ADD_FAILURE() << test.entry << " was accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
    }
  }
}

}  // namespace
}  // namespace longbow::data
