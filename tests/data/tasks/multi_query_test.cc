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
      {"What is the badge number of Aaron? Please say which ticket number Baum has.", "1. 1111\n2. 2222"},
      {"Please say which ticket number Baum has. What is the badge number of Aaron?", "1. 2222\n2. 1111"},
      {"What is the badge number of Aaron? Report the ticket number of Baum. Omit the badge number of Aaron.", "1. 2222"},
      {"What is the badge number of Aaron? Forget the badge number of Aaron. Report the ticket number of Baum. "
       "Please give the badge number of Aaron.",
       "1. 2222\n2. 1111"},
      {"What is the badge number of Aaron? Report the ticket number of Baum. Not the badge number of Aaron is wanted, but the seat "
       "number of Aaron.",
       "1. 2222\n2. 3333"},
      // Asked once more without having been taken back, taken back twice, and taken back before it is asked: the last mention decides.
      {"What is the badge number of Aaron? Report the ticket number of Baum. Please give the badge number of Aaron.", "1. 2222\n2. 1111"},
      {"What is the badge number of Aaron? Report the ticket number of Baum. Nobody wishes for the badge number of Aaron. Omit the badge "
       "number of Aaron.",
       "1. 2222"},
      {"Do skip the seat number of Aaron. Report the ticket number of Baum. Give the seat number of Aaron.", "1. 2222\n2. 3333"},
      {"No need for the seat number of Aaron. Report the ticket number of Baum.", "1. 2222"},
      {"What is the badge number of Aaron? Report the ticket number of Baum. Take the badge number of Aaron and drop the seat number of "
       "Aaron.",
       "1. 2222\n2. 1111"},
      {"Ask Baum. Report the ticket number of Baum. By now the ticket number of Baum is 4444. A seat number.", "1. 4444"},
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
  EXPECT_THAT(read(badge + asked + "Omit the badge number of Aaron.").answers, IsEmpty());
}

TEST(ReadMultiQuery, GuessesAreAsManyQuestionsAsStandWithAnyNumber) {
  const Reading reading = read(
      "The badge number of Aaron is 1111. The badge number of Aaron has changed to 3333. Baum has ticket number 2222. "
      "Report the badge number of Aaron. Report the ticket number of Baum. Nobody wishes for the ticket number of Baum.");
  EXPECT_THAT(std::set<std::string>(reading.guesses.begin(), reading.guesses.end()), ElementsAre("1. 1111", "1. 2222", "1. 3333"));
  const char *badge = "1. 3333", *ticket = "1. 2222";
  EXPECT_THAT(reading.shortcuts, ElementsAre("1. 3333\n2. 2222", ticket, badge, badge, badge, ticket, badge, badge, badge, ticket, badge));
  EXPECT_EQ(reading.shortcuts.size(), query_bot_names().size());
}

TEST(ReadMultiQuery, ChainHoldsTheLastWithdrawalOfWhatDoesNotStand) {
  const Reading reading = read(
      "The badge number of Aaron is 1111. Baum has ticket number 2222. Omit the badge number of Aaron. Nobody wishes for the ticket number "
      "of "
      "Baum. Report the badge number of Aaron. Report the ticket number of Baum. Do skip the badge number of Aaron.");
  EXPECT_THAT(reading.gold_chain, ElementsAre("Do skip the badge number of Aaron.", "1. The ticket number of Baum is 2222."));
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

// What is left of a wording to who does not read its words: bytes, the number of words, where its blanks stand.
std::string shape_of(std::string_view pattern) {
  std::string shape = concat(pattern.size(), " bytes, ", std::count(pattern.begin(), pattern.end(), ' '), " spaces, blanks at");
  for (std::size_t at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1)) shape += concat(" ", at);
  return shape;
}

// A classifier that was shown lengths, and had learnt what each stands for, named all that stands in 65 of 100 items.
TEST(MultiQuery, AskingAndTakingBackHaveTheSameShapes) {
  const auto shapes = [](const auto& wordings) {
    std::multiset<std::string> all;
    for (const QueryWording& wording : wordings) all.insert(concat(wording.slots, ": ", shape_of(wording.pattern)));
    return all;
  };
  EXPECT_EQ(shapes(kAsked), shapes(kCancelled));
  std::multiset<std::string> asked, cancelled, old_first, new_first;
  for (const std::string_view head : kAskedHeads) asked.insert(shape_of(head));
  for (const std::string_view head : kCancelledHeads) cancelled.insert(shape_of(head));
  EXPECT_EQ(asked, cancelled);
  for (const QueryWording& wording : kReplaced) {
    (wording.slots == std::string_view("knKN") ? old_first : new_first).insert(shape_of(wording.pattern));
  }
  EXPECT_EQ(old_first, new_first);
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
  EXPECT_EQ(item.evidence.size(), 4 * 2 + 7 * 3 + 2u)
      << "statements; three mentions of each question, one on account of the replacement, and one more";
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
  EXPECT_GT(asked_before, built / 2) << "the earliest event is mostly before any one number";
}

// Polarities of each question's mentions, in order: 'a' asks, 'w' takes back.
std::map<std::size_t, std::string> mentions_of(const std::vector<QueryEvent>& events) {
  std::map<std::size_t, std::string> mentions;
  for (const QueryEvent& event : events) {
    mentions[event.key] += event.what == QueryEvent::What::ask ? 'a' : 'w';
    if (event.what == QueryEvent::What::replace) mentions[event.new_key] += 'a';
  }
  return mentions;
}

constexpr QueryCounts kCounts[] = {{4, 3, 1, 1}, {3, 2, 1, 4}, {2, 1, 0, 0}, {1, 2, 2, 0}};

TEST(MultiQuery, TheLastMentionDecides) {
  Rng rng(1, {2});
  for (const QueryCounts& counts : kCounts) {
    for (int draw = 0; draw < 200; ++draw) {
      const std::vector<QueryEvent> events = draw_query_events(counts, rng);
      const auto mentions = mentions_of(events);
      ASSERT_EQ(mentions.size(), counts.standing + counts.withdrawn);
      std::size_t total = 0;
      for (const auto& [key, what] : mentions) {
        EXPECT_TRUE(what.ends_with(key < counts.standing ? "wa" : "aw")) << key << ": " << what;
        EXPECT_GE(what.size(), 3u);
        total += what.size();
      }
      EXPECT_EQ(total, 3 * mentions.size() + 2 * counts.replacements + counts.reasked);
      EXPECT_EQ(std::count_if(events.begin(), events.end(), [](const QueryEvent& e) { return e.what == QueryEvent::What::replace; }),
                static_cast<std::ptrdiff_t>(counts.replacements));
    }
  }
}

// Someone who knows how many questions stand must not do better by the order in which they were last mentioned, asked or taken back, or
// by how often each happened: every set of places stands equally often, in orders by any of these.
TEST(MultiQuery, WhatStandsIsNotToldByPlacesOrCounts) {
  using Score = int (*)(const std::string& what, int last, int last_asking, int last_withdrawal);
  const struct {
    const char* name;
    Score score;
    double tilt = 0;  // share by which a set may be off: a replacement says a little about the first mention of the other question
  } orders[] = {
      {"last mention", [](const std::string&, int last, int, int) { return last; }},
      {"last asking", [](const std::string&, int, int asking, int) { return asking; }},
      {"last withdrawal", [](const std::string&, int, int, int withdrawal) { return withdrawal; }},
      {"mentions", [](const std::string& what, int last, int, int) { return static_cast<int>(what.size()) * 1000 + last; }},
      {"parity", [](const std::string& what, int last, int, int) { return static_cast<int>(what.size() % 2) * 1000 + last; }},
      {"askings", [](const std::string& what, int last, int,
                     int) { return static_cast<int>(std::count(what.begin(), what.end(), 'a')) * 1000 + last; }},
      {"first mention", [](const std::string& what, int last, int, int) { return (what[0] == 'a') * 1000 + last; }, 0.45},
  };
  constexpr int kDraws = 6000;
  for (const QueryCounts& counts : kCounts) {
    const std::size_t num_keys = counts.standing + counts.withdrawn;
    const auto subsets = static_cast<double>(count_lists(std::vector<std::size_t>(num_keys, 1), counts.standing));
    for (const auto& order : orders) {
      Rng rng(3, {4});
      std::map<std::string, int> standing_places;
      for (int draw = 0; draw < kDraws; ++draw) {
        const std::vector<QueryEvent> events = draw_query_events(counts, rng);
        std::map<std::size_t, int> last, asking, withdrawal;
        for (std::size_t i = 0; i < events.size(); ++i) {
          const int place = static_cast<int>(i);
          const QueryEvent& event = events[i];
          (event.what == QueryEvent::What::ask ? asking : withdrawal)[event.key] = place;
          last[event.key] = place;
          if (event.what == QueryEvent::What::replace) last[event.new_key] = asking[event.new_key] = place;
        }
        std::map<int, bool> by_score;
        for (const auto& [key, what] : mentions_of(events))
          by_score[order.score(what, last[key], asking[key], withdrawal[key])] = key < counts.standing;
        std::string places;
        for (const auto& [score, stands] : by_score) places += stands ? 's' : '-';
        ++standing_places[places];
      }
      EXPECT_EQ(static_cast<double>(standing_places.size()), subsets) << order.name;
      const double expected = kDraws / subsets;
      for (const auto& [places, count] : standing_places)
        EXPECT_NEAR(count, expected, (counts.replacements > 0 ? order.tilt : 0) * expected + 4.5 * std::sqrt(expected))
            << order.name << " " << places;
    }
  }
}

// What the gate asks of a file, of bots that know how many lines there are.
TEST(MultiQuery, NoBotBeatsChanceByThreePoints) {
  constexpr int kItems = 2000;
  for (const char* knobs : {"", R"(,"num_queries":2,"num_cancelled":1,"num_replaced":0,"num_reasked":0,"num_corrected":0,"num_unasked":2)",
                            R"(,"num_queries":3,"num_replaced":2,"num_reasked":6)"}) {
    const auto builder = builder_of(concat(R"({"task":"multi_query","max_tokens":700)", knobs, "}"));
    double chance = 0;
    std::map<std::string, int> right;
    int built = 0;
    for (std::int64_t index = 0; built < kItems; ++index) {
      const auto item = builder->build(5, index, count_quarter_bytes);
      if (!item) continue;
      ++built;
      const Reading reading = read_item(*item, test_corpus());
      ASSERT_EQ(reading.problem, "");
      chance += 1.0 / static_cast<double>(reading.guesses.size());
      for (std::size_t bot = 0; bot < reading.shortcuts.size(); ++bot)
        right[query_bot_names()[bot]] += reading.shortcuts[bot] == item->answer.answers[0];
    }
    for (const auto& [bot, count] : right) EXPECT_LE(count, chance + 0.03 * kItems) << bot << knobs << " (chance " << chance << ")";
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
       {R"({"task":"multi_query","num_cancelled":0,"num_replaced":0})", R"({"task":"multi_query","prefix_credit":1})"}) {
    EXPECT_THROW(builder_of(entry), UserError) << entry;
  }
}

}  // namespace
}  // namespace longbow::data
