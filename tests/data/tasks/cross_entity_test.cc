// CrossEntity: its reader against texts written by hand, and what must not give an answer away.
#include "data/tasks/cross_entity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/tasks/reading.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Reading read(const std::string& context, const std::string& question, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.task = "cross_entity";
  item.messages = {{"user", context + "\n\nQuestion: " + question}};
  item.question = question;
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  return read_item(item, test_corpus());
}

// Aaron took 30 years, Baum 10, Callas 20; a tunnel took 50.
const std::string kBridges =
    "Work on the Aaron Bridge began in 1800. A stone. The Baum Bridge is made of grey stone. In 1910 the bridge was finished. In 1700 the "
    "first stone of the Callas Bridge was laid. The church nearest to the bridge dates from 1699. Engineers still admire the Aaron Bridge. "
    "It was opened "
    "in 1830. Digging for the Damon Tunnel started in 1750. The Damon Tunnel was opened in 1800. An inn of 1905 is still in use beside the "
    "Baum Bridge. "
    "Work on it began in 1900. The ribbon of the Callas Bridge was cut in 1720.";

TEST(ReadCrossEntity, ComparesWhatNoPageStates) {
  const struct {
    const char* question;
    const char* answer;
  } cases[] = {
      {"Which of the bridges took the longest time to build?", "Aaron Bridge"},
      {"Which of the bridges took the second longest time to build?", "Callas Bridge"},
      {"Which of the bridges took the shortest time to build?", "Baum Bridge"},
      {"The building of which of the bridges lasted the third longest?", "Baum Bridge"},
      {"How many of the bridges took more than 15 years to build?", "2"},
      {"How many of the bridges took less than 15 years to build?", "1"},
      {"If the bridges had been built one after the other, how many years would it have taken?", "60"},
      {"Which of the tunnels took the longest time to build?", "Damon Tunnel"},
  };
  for (const auto& test : cases) {
    const Reading reading = read(kBridges, test.question);
    EXPECT_EQ(reading.problem, "") << test.question;
    EXPECT_THAT(reading.answers, ElementsAre(test.answer)) << test.question;
  }
}

TEST(ReadCrossEntity, EvidenceIsTheWholePageAndTheChainIsInOrderOfNames) {
  const std::string question = "Which of the bridges took the second longest time to build?";
  const Reading reading = read(kBridges, question);
  EXPECT_THAT(reading.gold_chain, ElementsAre("Aaron Bridge: 1830 - 1800 = 30.", "Baum Bridge: 1910 - 1900 = 10.",
                                              "Callas Bridge: 1720 - 1700 = 20.", "The second longest: Callas Bridge."));
  std::vector<std::string> pages;
  for (const EvidenceSpan& span : reading.evidence) pages.push_back(kBridges.substr(span.start, span.end - span.start));
  EXPECT_THAT(pages,
              ElementsAre("Work on the Aaron Bridge began in 1800.", "Engineers still admire the Aaron Bridge. It was opened in 1830.",
                          "An inn of 1905 is still in use beside the Baum Bridge. Work on it began in 1900.",
                          "The Baum Bridge is made of grey stone. In 1910 the bridge was finished.",
                          "In 1700 the first stone of the Callas Bridge was laid. The church nearest to the bridge dates from 1699.",
                          "The ribbon of the Callas Bridge was cut in 1720."));
  EXPECT_THAT(reading.guesses, ElementsAre("Aaron Bridge", "Baum Bridge", "Callas Bridge"));
  EXPECT_EQ(read("", question, reading.gold_chain).oracle_answer, "Callas Bridge");
  EXPECT_EQ(read("", "How many of the bridges took less than 25 years to build?", reading.gold_chain).oracle_answer, "2");
}

TEST(ReadCrossEntity, LevelEntitiesAreBothAnAnswer) {
  const std::string level = kBridges + " Work on the Elgar Bridge began in 1900. The Elgar Bridge was opened in 1930.";
  EXPECT_THAT(read(level, "Which of the bridges took the longest time to build?").answers, ElementsAre("Aaron Bridge", "Elgar Bridge"));
  EXPECT_THAT(read(level, "Which of the bridges took the second longest time to build?").answers,
              ElementsAre("Aaron Bridge", "Elgar Bridge"));
  EXPECT_THAT(read(level, "Which of the bridges took the shortest time to build?").answers, ElementsAre("Baum Bridge"));
}

TEST(ReadCrossEntity, DefectsAreProblems) {
  const std::string question = "Which of the bridges took the longest time to build?";
  EXPECT_THAT(read(kBridges + " Work on the Elgar Bridge began in 1900.", question).problem, HasSubstr("Elgar Bridge is missing"));
  EXPECT_THAT(read(kBridges + " In 1831 the Aaron Bridge was finished.", question).problem, HasSubstr("stated twice"));
  EXPECT_THAT(read(kBridges + " It lasted 20 years.", question).problem, HasSubstr("sets Callas Bridge apart"));
  EXPECT_THAT(
      read(kBridges + " All took 60 years.", "If the bridges had been built one after the other, how many years would it have taken?")
          .problem,
      HasSubstr("states the answer"));
  EXPECT_THAT(read(kBridges, "Which of the bridges is the oldest?").problem, HasSubstr("question"));
  EXPECT_THAT(read("A stone.", question).answers, IsEmpty());
}

TEST(CrossEntity, EveryThemeKindAndQuestionIsReadBack) {
  std::set<std::string> questions;
  for (std::size_t theme = 0; theme < cross_themes().size(); ++theme) {
    const CrossTheme& one = cross_themes()[theme];
    for (std::size_t kind = 0; kind < one.kinds.size(); ++kind) {
      // Three entities, whose differences are the theme's least, and 1 and 2 more; every pattern takes its turn.
      std::string text;
      const char* names[] = {"Aaron", "Baum", "Callas"};
      for (std::int64_t i = 0; i < 3; ++i) {
        const std::int64_t first = one.low + i * one.derived_high;
        const auto add = [&](const char* pattern, std::int64_t number) {
          text += fill(put(pattern, '@', one.kinds[kind].called(names[i])), {std::to_string(number)}) + " ";
        };
        add(one.first[i % one.first.size()], first);
        add(one.second[i % one.second.size()], first + one.derived_low + i);
        add(one.noise[i % one.noise.size()], one.high);
        text += put(one.intro[i % one.intro.size()], '@', one.kinds[kind].again[1]) + " ";
      }
      CrossQuestion question;
      question.theme = theme;
      question.kind = kind;
      for (const int rank : {1, 2, 3, -1, -2, -3}) {
        question.rank = rank;
        for (std::size_t wording = 0; wording < num_cross_wordings(question); ++wording) {
          const std::string asked = cross_question_pattern(question, wording);
          const Reading reading = read(text, asked);
          EXPECT_EQ(reading.problem, "") << asked << "\n" << text;
          EXPECT_THAT(reading.answers, ElementsAre(one.kinds[kind].answer(names[rank > 0 ? 3 - rank : -rank - 1]))) << asked;
          EXPECT_TRUE(questions.insert(asked).second) << asked;
        }
      }
      const std::pair<CrossQuestion::Ask, std::int64_t> sums[] = {
          {CrossQuestion::Ask::more, 2}, {CrossQuestion::Ask::less, 0}, {CrossQuestion::Ask::sum, 3 * one.derived_low + 3}};
      for (const auto& [ask, answer] : sums) {
        question.ask = ask;
        std::string asked = cross_question_pattern(question, 0);
        EXPECT_TRUE(questions.insert(asked).second) << asked;
        if (ask != CrossQuestion::Ask::sum) asked = fill(asked, {std::to_string(one.derived_low)});
        EXPECT_THAT(read(text, asked).answers, ElementsAre(std::to_string(answer))) << asked;
      }
    }
  }
  EXPECT_EQ(questions.size(), 12u * 3 * (6 * 2 + 3));
}

struct Built {
  Item item;
  Reading reading;
};
std::vector<Built> build(const std::string& knobs, int draws) {
  const auto builder = builder_of(R"({"task":"cross_entity")" + knobs + "}");
  std::vector<Built> built;
  for (int index = 0; index < draws; ++index) {
    if (auto item = builder->build(3, index, count_quarter_bytes)) {
      Reading reading = read_item(*item, test_corpus());
      built.push_back({std::move(*item), std::move(reading)});
    }
  }
  EXPECT_GE(static_cast<int>(built.size()), draws * 9 / 10);
  return built;
}

double chi_square(const std::map<std::string, int>& counts, std::size_t bins) {
  double total = 0, chi2 = 0;
  for (const auto& [value, count] : counts) total += count;
  const double expected = total / static_cast<double>(bins);
  for (const auto& [value, count] : counts) chi2 += (count - expected) * (count - expected) / expected;
  return chi2 + expected * static_cast<double>(bins - counts.size());
}

TEST(CrossEntity, StatedNumbersSayNothingAboutTheRank) {
  std::map<std::string, int> first, second;  // place of the gold entity by either stated number
  for (const Built& one : build(R"(,"num_entities":6,"operations":["most","least","rank"])", 600)) {
    const auto place = [&](bool later) {
      std::vector<std::pair<std::int64_t, std::string>> order;
      for (const std::string& step : one.reading.gold_chain) {
        const std::size_t colon = step.find(": ");
        if (const auto words = match(std::string_view(step).substr(colon + 2), "{} - {} = {}."))
          order.emplace_back(std::stoll(std::string((*words)[later ? 0 : 1])), step.substr(0, colon));
      }
      std::sort(order.begin(), order.end());
      const auto gold = std::find_if(order.begin(), order.end(), [&](const auto& e) { return e.second == one.item.answer.answers[0]; });
      return std::to_string(gold - order.begin());
    };
    ++first[place(false)];
    ++second[place(true)];
  }
  EXPECT_LT(chi_square(first, 6), 20.5);  // 5 degrees of freedom, p = 0.001; the seed is fixed
  EXPECT_LT(chi_square(second, 6), 20.5);
}

TEST(CrossEntity, OneStatedNumberDoesNotTellTheRankByWhereItStandsAmongTheOthers) {
  for (const int peers : {4, 8, 10}) {
    std::vector<int> right(4, 0);
    const std::vector<Built> built =
        build(concat(R"(,"max_tokens":1300,"num_entities":)", peers, R"(,"operations":["most","least"])"), 1000);
    for (const Built& one : built) {
      ASSERT_EQ(one.reading.shortcuts.size(), right.size());
      for (std::size_t bot = 0; bot < right.size(); ++bot) right[bot] += one.reading.shortcuts[bot] == one.item.answer.answers[0];
    }
    const double allowed = (1.0 / peers + 0.03) * static_cast<double>(built.size());
    for (std::size_t bot = 0; bot < right.size(); ++bot) EXPECT_LT(right[bot], allowed) << "bot " << bot << " among " << peers;
  }
}

TEST(CrossEntity, CountsAreEvenWhateverTheNumberAskedAbout) {
  std::map<std::string, int> counts;
  for (const Built& one : build(R"(,"num_entities":6,"operations":["count"])", 400)) ++counts[one.item.answer.answers[0]];
  EXPECT_LT(chi_square(counts, 5), 18.5);  // 4 degrees of freedom, p = 0.001
}

TEST(CrossEntity, WithoutAnyOneOfItsPagesAnItemIsRefused) {
  for (const Built& one : build("", 20)) {
    for (const EvidenceSpan& span : one.item.evidence) {
      Item item = one.item;
      item.messages[0].content.erase(span.start, span.end - span.start);
      EXPECT_NE(read_item(item, test_corpus()).problem, "") << item.id;
    }
  }
}

TEST(CrossEntity, FollowUpsAreAnsweredByTheSameText) {
  std::set<std::string> questions;
  for (const Item& item : builder_of(R"({"task":"cross_entity"})")->build_with_follow_ups(3, 0, count_quarter_bytes)) {
    const Reading reading = read_item(item, test_corpus());
    EXPECT_EQ(reading.problem, "");
    EXPECT_EQ(reading.answers, std::vector<std::string>{item.answer.answers[0]}) << item.question;
    EXPECT_EQ(reading.gold_chain, item.gold_chain);
    ASSERT_EQ(reading.evidence.size(), item.evidence.size());
    for (std::size_t i = 0; i < item.evidence.size(); ++i) EXPECT_EQ(reading.evidence[i].start, item.evidence[i].start);
    questions.insert(item.question);
  }
  EXPECT_GE(questions.size(), 4u);
}

TEST(CrossEntity, KnobsDoWhatTheySay) {
  for (const auto& [count, candidates] : {std::pair{3, 3}, {20, 20}, {64, 64}}) {
    const Item item = item_of(concat(R"({"task":"cross_entity","max_tokens":8000,"operations":["most"],"num_entities":)", count, "}"));
    EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), candidates);
    EXPECT_EQ(item.evidence.size(), static_cast<std::size_t>(2 * count));
  }
  EXPECT_EQ(item_of(R"({"task":"cross_entity","max_tokens":2048})").difficulty.at("num_entities").as_integer(), 8);
  const Item plain = item_of(R"({"task":"cross_entity","num_themes":1,"noise":0,"num_decoys":0,"num_entities":4})");
  EXPECT_THAT(plain.question, HasSubstr("Golden Laurel"));
  EXPECT_EQ(find_numbers(split_message(plain.messages[0].content)->context).size(), 8u);
}

TEST(CrossEntity, WrongKnobsAreRefused) {
  const struct {
    const char* knobs;
    const char* expected;
  } cases[] = {
      {R"("operations":["max"])", "/operations: expected most, least, rank, count or sum, got \"max\""},
      {R"("operations":[])", "/operations: expected at least one"},
      {R"("num_entities":2)", "/num_entities: expected 0, or at least 3"},
      {R"("num_entities":64,"num_themes":2)", "room for 64"},
  };
  for (const auto& test : cases) {
    try {
      builder_of(concat(R"({"task":"cross_entity",)", test.knobs, "}"));
      ADD_FAILURE() << test.knobs << " was accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
    }
  }
}

// Fifty pairs of people with their years of birth, in no order, as 2Wiki states them.
class CrossEntityOfQuestions : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string rows;
    for (int i = 0; i < 50; ++i) {
      std::string paragraphs, triples;
      for (const int person : {2 * i, 2 * i + 1}) {
        const std::string date = concat("3 May ", year_of(person)), comma = person % 2 == 0 ? "" : ",";
        paragraphs += concat(comma, R"([")", name_of(person), R"(",["Born on )", date, R"(, lived by the sea."]])");
        triples += concat(comma, R"([")", name_of(person), R"(","date of birth",")", date, R"("])");
      }
      rows += concat(R"({"_id":"c)", i, R"(","type":"comparison","question":"Who was born first?","answer":")", name_of(2 * i),
                     R"(","context":[)", paragraphs, R"(],"supporting_facts":[[")", name_of(2 * i), R"(",0],[")", name_of(2 * i + 1),
                     R"(",0]],"evidences":[)", triples, "]}\n");
    }
    write_file_atomically(folder_.file("rows.jsonl"), rows);
  }
  static std::string name_of(int person) {
    return concat("Tom ", static_cast<char>('A' + person / 10), "o", static_cast<char>('a' + person % 10), "er");
  }
  static int year_of(int person) { return 1700 + person * 37 % 100 * 2; }
  std::string entry(const std::string& knobs = "") const {
    return concat(R"({"task":"cross_entity","max_tokens":700,"num_entities":5,"questions":{"path":[")", folder_.file("rows.jsonl"),
                  R"("],"heldout_share":0})", knobs, "}");
  }
  std::vector<Item> items(const std::string& knobs = "") const {
    const auto builder = builder_of(entry(knobs));
    std::vector<Item> items;
    for (int index = 0; index < 200; ++index) {
      if (auto item = builder->build(3, index, count_quarter_bytes)) items.push_back(std::move(*item));
    }
    return items;
  }
  testing::TemporaryFolder folder_;
};

TEST_F(CrossEntityOfQuestions, AsksWhoIsNearestAndHowFarApartTwoAre) {
  std::map<std::string, int> year;
  for (int person = 0; person < 100; ++person) year[name_of(person)] = year_of(person);
  int nearest = 0, gaps = 0;
  for (const Item& item : items()) {
    const Reading reading = read_item(item, test_corpus());
    ASSERT_EQ(reading.problem, "") << item.question;
    EXPECT_EQ(reading.answers, item.answer.answers);
    EXPECT_EQ(reading.oracle_answer, item.answer.answers[0]);
    EXPECT_EQ(reading.gold_chain, item.gold_chain);
    ASSERT_EQ(reading.evidence.size(), item.evidence.size());
    std::vector<int> distances;  // of all who are named in the question but the reference
    const int reference = year.at(item.difficulty.at("reference").as_string());
    for (const auto& [name, born] : year) {
      if (item.question.find(name) != std::string::npos && name != item.difficulty.at("reference").as_string())
        distances.push_back(std::abs(born - reference));
    }
    const int least = *std::min_element(distances.begin(), distances.end());
    if (item.answer.reward == "numeric") {
      ++gaps;
      EXPECT_EQ(item.answer.answers[0], std::to_string(least));
    } else {
      ++nearest;
      EXPECT_EQ(distances.size(), 5u);
      EXPECT_EQ(std::abs(year.at(item.answer.answers[0]) - reference), least);
      EXPECT_EQ(std::count(distances.begin(), distances.end(), least), 1);
    }
  }
  EXPECT_GE(nearest, 50);
  EXPECT_GE(gaps, 20);
}

TEST_F(CrossEntityOfQuestions, EarliestAndLatestAreNoShortcut) {
  double asked = 0;
  int earliest = 0, latest = 0;
  for (const Item& item : items(R"(,"operations":["most"])")) {
    const Reading reading = read_item(item, test_corpus());
    ++asked;
    earliest += reading.shortcuts.at(0) == item.answer.answers[0];
    latest += reading.shortcuts.at(1) == item.answer.answers[0];
  }
  const double chance = asked / 5, allowed = chance + 4 * std::sqrt(chance);
  EXPECT_LE(earliest, allowed);
  EXPECT_LE(latest, allowed);
}

TEST_F(CrossEntityOfQuestions, TamperedTextsAreProblems) {
  const Item item = items(R"(,"operations":["most"])").front();
  const struct {
    const char* what;
    void (*tamper)(Item&);
  } cases[] = {
      {"another year", [](Item& one) { one.messages[0].content.replace(one.messages[0].content.find("3 May 1") + 6, 4, "1234"); }},
      {"another question", [](Item& one) { one.messages[0].content += " "; }},
      {"evidence beyond its page", [](Item& one) { ++one.evidence[0].end; }},
      {"a date less", [](Item& one) { one.gold_chain.erase(one.gold_chain.begin()); }},
  };
  EXPECT_EQ(read_item(item, test_corpus()).problem, "");
  for (const auto& test : cases) {
    Item tampered = item;
    test.tamper(tampered);
    EXPECT_NE(read_item(tampered, test_corpus()).problem, "") << test.what;
  }
}

}  // namespace
}  // namespace longbow::data
