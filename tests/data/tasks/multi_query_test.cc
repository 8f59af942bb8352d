// MultiQuery against texts written by hand, and the order of its sentences in built items.
#include "data/tasks/multi_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "core/errors.h"
#include "data/tasks/phrase.h"
#include "data/tasks/reading.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Reading read(const std::string& context, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.task = "multi_query";
  item.question = kMultiQueryQuestions[0];
  item.messages = {{"user", context + "\n\nQuestion: " + item.question}};
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  return read_item(item, test_corpus());
}

TEST(ReadMultiQuery, PlaysTheTextInOrder) {
  const std::string numbers = "The badge number of Aaron is 1111. Baum has ticket number 2222. The seat number 3333 belongs to Aaron. ";
  const struct {
    const char* text;
    const char* answer;
  } cases[] = {
      {"What is the badge number of Aaron? Say which ticket number Baum has.", "1. 1111\n2. 2222"},
      {"Say which ticket number Baum has. What is the badge number of Aaron?", "1. 2222\n2. 1111"},
      {"What is the badge number of Aaron? Look up the ticket number of Baum. Leave out the badge number of Aaron after all.", "1. 2222"},
      {"What is the badge number of Aaron? Forget the question about the badge number of Aaron. Look up the ticket number of Baum. "
       "Please give the badge number of Aaron.",
       "1. 2222\n2. 1111"},
      {"What is the badge number of Aaron? Look up the ticket number of Baum. Instead of the badge number of Aaron, give the seat number "
       "of "
       "Aaron.",
       "1. 2222\n2. 3333"},
      {"Ask Baum. Look up the ticket number of Baum. By now the ticket number of Baum is 4444. A seat number.", "1. 4444"},
  };
  for (const auto& test : cases) {
    const Reading reading = read(numbers + test.text);
    EXPECT_EQ(reading.problem, "") << test.text;
    EXPECT_THAT(reading.answers, ElementsAre(test.answer)) << test.text;
  }
}

TEST(ReadMultiQuery, ContradictionsAreFound) {
  const std::string badge = "The badge number of Aaron is 1111. ", asked = "What is the badge number of Aaron? ";
  EXPECT_THAT(read(badge + asked + "Aaron has badge number 2222.").answers, ElementsAre("1. 2222", "1. 1111"));
  EXPECT_THAT(read(asked + "By now the badge number of Aaron is 2222. " + badge).problem, HasSubstr("corrected before"));
  EXPECT_THAT(read(asked).problem, HasSubstr("not stated"));
  EXPECT_THAT(read(badge + asked + asked).problem, HasSubstr("twice"));
  EXPECT_THAT(read(badge + "Leave out the badge number of Aaron after all. " + asked).problem, HasSubstr("taken back before"));
  EXPECT_THAT(read(badge + asked + "Leave out the badge number of Aaron after all.").answers, IsEmpty());
}

TEST(ReadMultiQuery, GuessesAreAsManyQuestionsAsStandWithAnyNumber) {
  const Reading reading = read(
      "The badge number of Aaron is 1111. The badge number of Aaron has changed to 3333. Baum has ticket number 2222. "
      "Look up the badge number of Aaron. Look up the ticket number of Baum. The question about the ticket number of Baum is withdrawn.");
  EXPECT_THAT(std::set<std::string>(reading.guesses.begin(), reading.guesses.end()), ElementsAre("1. 1111", "1. 2222", "1. 3333"));
  EXPECT_THAT(reading.shortcuts, ElementsAre("1. 3333\n2. 2222", "1. 2222", "1. 3333"))
      << "all that was asked, the last and the first of it";
}

TEST(ReadMultiQuery, OracleReadsNumberedStepsOnly) {
  EXPECT_EQ(read("A stone.", {"Forget it.", "1. The badge number of Aaron is 1111.", "2. The seat number of Baum is 2."}).oracle_answer,
            "1. 1111\n2. 2");
  EXPECT_EQ(read("A stone.", {"2. The seat number of Baum is 2."}).oracle_answer, "");
}

TEST(MultiQuery, WordingsAreHeardAsTheyAreSaidAndByNoOther) {
  const QueryWords words{"badge", "Aaron", "1111", "seat", "Baum"};
  std::vector<QueryWording> all;
  for (const auto& wording : kStated) all.push_back(wording);
  for (const auto& wording : kCorrected) all.push_back(wording);
  for (const auto& wording : kAsked) all.push_back(wording);
  for (const auto& wording : kCancelled) all.push_back(wording);
  for (const auto& wording : kReplaced) all.push_back(wording);
  for (const QueryWording& wording : all) {
    const std::string sentence = say(wording, words);
    int heard = 0;
    for (const QueryWording& other : all) {
      const auto found = hear(sentence, other);
      if (!found) continue;
      ++heard;
      EXPECT_EQ(found->kind, "badge") << sentence;
      EXPECT_EQ(found->name, "Aaron") << sentence;
    }
    EXPECT_EQ(heard, 1) << sentence;
    EXPECT_EQ(split_sentences(sentence).size(), 1u) << sentence;
  }
}

TEST(MultiQuery, ItemsHoldWhatTheKnobsSay) {
  const char* entry =
      R"({"task":"multi_query","num_queries":4,"num_cancelled":2,"num_replaced":1,"num_reasked":1,"num_corrected":12,"num_unasked":5,
                          "prefix_credit":0.5})";
  const Item item = item_of(entry);
  const Reading reading = read_item(item, test_corpus());
  EXPECT_EQ(reading.problem, "");
  EXPECT_EQ(reading.answers, item.answer.answers);
  EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), 560) << "four of seven questions, each with one of two numbers";
  EXPECT_EQ(item.evidence.size(), 4 * 2 + 2 * 2 + 2 + 3 + 2u)
      << "statements; two cancelled, one replaced, one asked again, two plain questions";
  EXPECT_EQ(std::count(item.answer.answers[0].begin(), item.answer.answers[0].end(), '\n'), 3);
  EXPECT_EQ(item.answer.reward, "ordered_list");
  EXPECT_EQ(item.answer.params.at("prefix_credit").as_number(), 0.5);
}

TEST(MultiQuery, QuestionsComeInEveryOrder) {
  // Whether the number of line 1 stands before that of line 2 must be a toss-up, and so must the places of questions and numbers.
  const auto builder = builder_of(R"({"task":"multi_query","num_queries":2,"num_corrected":0,"num_reasked":0})");
  int first_before = 0, asked_before = 0, built = 0;
  for (std::int64_t index = 0; index < 400; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    first_before += item->evidence[0].start < item->evidence[1].start;
    asked_before += item->evidence[2].start < item->evidence[0].start;
  }
  EXPECT_NEAR(first_before, built / 2, 40);  // four standard errors
  EXPECT_GT(asked_before, built / 2) << "the earliest of five events is mostly before any one number";
}

TEST(MultiQuery, EventsFollowEachOther) {
  using What = QueryEvent::What;
  const QueryCounts counts{4, 2, 1, 2};
  Rng rng(1, {2});
  for (int draw = 0; draw < 300; ++draw) {
    std::set<std::size_t> stands;
    for (const QueryEvent& event : draw_query_events(counts, rng)) {
      if (event.what == What::ask) {
        EXPECT_TRUE(stands.insert(event.key).second) << "asked twice";
      } else {
        EXPECT_EQ(stands.erase(event.key), 1u) << "taken back before it is asked";
      }
      if (event.what == What::replace) {
        EXPECT_TRUE(stands.insert(event.new_key).second);
      }
    }
    EXPECT_THAT(stands, ElementsAre(0u, 1u, 2u, 3u));
  }
}

// Someone who knows how many questions stand, but not which were taken back, must not do better by the order in which they were last
// asked, or by which were asked twice.
TEST(MultiQuery, WhatStandsIsNotToldByItsPlace) {
  using What = QueryEvent::What;
  const struct {
    QueryCounts counts;
    int subsets;  // of the places, that may stand: all but those in which what replaces would come before what it replaces
  } cases[] = {{{4, 2, 1, 1}, 34}, {{3, 1, 1, 1}, 9}, {{2, 1, 0, 0}, 3}};
  constexpr int kDraws = 6000;
  for (const auto& test : cases) {
    Rng rng(3, {4});
    std::map<std::set<std::size_t>, int> standing_places;
    int twice = 0, twice_and_standing = 0;
    for (int draw = 0; draw < kDraws; ++draw) {
      std::vector<std::size_t> asked;
      std::map<std::size_t, int> times;
      for (const QueryEvent& event : draw_query_events(test.counts, rng)) {
        if (event.what == What::cancel) continue;
        const std::size_t key = event.what == What::ask ? event.key : event.new_key;
        std::erase(asked, key);
        asked.push_back(key);
        ++times[key];
      }
      std::set<std::size_t> places;
      for (std::size_t place = 0; place < asked.size(); ++place) {
        if (asked[place] < test.counts.standing) places.insert(place);
      }
      ++standing_places[places];
      for (const auto& [key, count] : times) {
        twice += count > 1;
        twice_and_standing += count > 1 && key < test.counts.standing;
      }
    }
    EXPECT_EQ(standing_places.size(), static_cast<std::size_t>(test.subsets));
    const double expected = static_cast<double>(kDraws) / test.subsets;
    for (const auto& [places, count] : standing_places) EXPECT_NEAR(count, expected, 4.5 * std::sqrt(expected));
    EXPECT_EQ(static_cast<std::size_t>(twice), kDraws * test.counts.reasked);
    if (twice == 0) continue;
    const auto plain = static_cast<double>(test.counts.standing - test.counts.replaced);
    EXPECT_NEAR(static_cast<double>(twice_and_standing) / twice, plain / (plain + static_cast<double>(test.counts.cancelled)), 0.03);
  }
}

TEST(MultiQuery, ListsAreCountedAsTheyAreListed) {
  const std::vector<std::vector<std::string>> choices = {{"a", "b"}, {"c"}, {"d", "e", "f"}};
  EXPECT_THAT(all_lists(choices, 1, 100), ::testing::SizeIs(6));
  EXPECT_THAT(all_lists(choices, 2, 100), ::testing::SizeIs(2 + 6 + 3));
  EXPECT_THAT(all_lists(choices, 3, 100), ::testing::SizeIs(6));
  EXPECT_THAT(all_lists(choices, 2, 4), ::testing::SizeIs(4));
  EXPECT_THAT(all_lists(choices, 4, 100), IsEmpty());
  for (const std::size_t lines : {1, 2, 3, 4})
    EXPECT_EQ(count_lists({2, 1, 3}, lines), static_cast<std::int64_t>(all_lists(choices, lines, 100).size()));
  EXPECT_EQ(count_lists(std::vector<std::size_t>(64, 9), 32), kMaxQueryGuesses);
}

TEST(MultiQuery, SupervisedAnswerIsTheListUnderTheChain) {
  const Item item = item_of(R"({"task":"multi_query"})");
  EXPECT_TRUE(sft_answer(item).ends_with(" The answer is\n" + item.answer.answers[0])) << sft_answer(item);
}

TEST(MultiQuery, KnobsThatContradictAreRefused) {
  for (const char* entry :
       {R"({"task":"multi_query","num_queries":1,"num_replaced":1,"num_reasked":1})",
        R"({"task":"multi_query","num_cancelled":0,"num_replaced":0})", R"({"task":"multi_query","prefix_credit":1})"}) {
    EXPECT_THROW(builder_of(entry), UserError) << entry;
  }
}

}  // namespace
}  // namespace longbow::data
