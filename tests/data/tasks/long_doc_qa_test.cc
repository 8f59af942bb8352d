// LongDocQA against pages written by hand, its wordings, and what each form of its questions promises.
#include "data/tasks/long_doc_qa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

constexpr const char* kPages =
    "Aaron\nAaron was born in the town of Kessel. A stone. Aaron retired to the town of Dorwin.\n\n"
    "Baum\nBaum retired to the town of Kessel. The birth of Baum took place in the town of Dorwin.\n\n"
    "Kessel\nThe town was founded in 1500. The town stands by the river Orme.\n\n"
    "Salmon\nA fish.\n\n"
    "Dorwin\nDorwin has existed since 1400. Dorwin lies on the river Zell.";

Reading read(const std::string& context, const std::string& question, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.task = "long_doc_qa";
  item.question = question;
  item.messages = {{"user", context + "\n\nQuestion: " + question}};
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  return read_item(item, test_corpus());
}

TEST(ReadLongDocQa, FollowsThePersonToThePlace) {
  const struct {
    const char* question;
    const char* answer;
    std::vector<std::string> guesses;
  } cases[] = {
      {"Which river runs past the town where Aaron was born?", "Orme", {"Orme", "Zell"}},
      {"On which river does the town where Aaron spent old age lie?", "Zell", {"Orme", "Zell"}},
      {"When was the birthplace of Baum founded?", "1400", {"1500", "1400"}},
      {"Which is older, the town where Aaron was born or the town where Baum was born?", "Dorwin", {"Kessel", "Dorwin"}},
      {"Is the birthplace of Aaron older than the birthplace of Baum?", "no", {"no", "yes"}},
      {"Did the birthplace of Baum exist before the birthplace of Aaron?", "yes", {"no", "yes"}},
  };
  for (const auto& test : cases) {
    const Reading reading = read(kPages, test.question);
    EXPECT_EQ(reading.problem, "") << test.question;
    EXPECT_THAT(reading.answers, ElementsAre(test.answer)) << test.question;
    EXPECT_EQ(reading.guesses, test.guesses) << test.question;
    EXPECT_EQ(read(kPages, test.question, reading.gold_chain).oracle_answer, test.answer) << "from the chain alone";
  }
}

TEST(ReadLongDocQa, EvidenceIsTheSentences) {
  const Reading reading = read(kPages, "Which river runs past the town where Aaron was born?");
  std::vector<std::string> found;
  for (const EvidenceSpan& span : reading.evidence) found.emplace_back(std::string(kPages).substr(span.start, span.end - span.start));
  EXPECT_THAT(found, ElementsAre("Aaron was born in the town of Kessel.", "The town stands by the river Orme."));
  EXPECT_THAT(reading.gold_chain, ElementsAre("Aaron was born in the town of Kessel.", "Kessel lies on the river Orme."));
  EXPECT_THAT(reading.shortcuts, ElementsAre("Orme", "Zell"));
}

TEST(ReadLongDocQa, DefectsAreFound) {
  const std::string pages = kPages, question = "Which river runs past the town where Aaron was born?";
  EXPECT_THAT(read(pages + "\n\nMore\nKessel lies on the river Zell.", question).answers, ElementsAre("Orme", "Zell"));
  EXPECT_THAT(read(pages + "\n\nMore\nKessel stands by the river Orme.", question).answers, ElementsAre("Orme")) << "said twice";
  EXPECT_THAT(read(pages + "\n\nMore\nAn orme.", question).problem, HasSubstr("outside the evidence"));
  EXPECT_THAT(read("Kessel\nKessel lies on the river Orme.", question).answers, IsEmpty()) << "the first hop is missing";
  EXPECT_THAT(read(pages, "Which river runs past the town?").problem, HasSubstr("question"));
}

TEST(LongDocQa, QuestionsReadBackAndNoTwoAreAlike) {
  std::set<std::string> texts;
  std::size_t asked = 0;
  for (std::size_t kind = 0; kind < doc_kinds().size(); ++kind) {
    for (std::size_t tie = 0; tie < 4; ++tie) {
      for (std::size_t fact = 0; fact < 6; ++fact) {  // the last two compare
        for (std::size_t wording = 0; wording < 6; ++wording) {
          DocQuestion question{DocQuestion::Ask::fact, kind, tie, fact, "Aaron", ""};
          if (fact > 3) question = {fact == 4 ? DocQuestion::Ask::older : DocQuestion::Ask::yes_no, kind, tie, 0, "Aaron", "Baum"};
          const std::string text = to_text(question, wording / 2, wording % 2);
          texts.insert(text);
          ++asked;
          const auto back = parse_doc_question(text);
          ASSERT_TRUE(back) << text;
          EXPECT_EQ(std::tie(back->ask, back->kind, back->tie, back->fact, back->person, back->other_person),
                    std::tie(question.ask, question.kind, question.tie, question.fact, question.person, question.other_person))
              << text;
        }
      }
    }
  }
  EXPECT_EQ(texts.size(), asked) << "4 kinds, 4 ties, 6 things to ask, 6 wordings";
}

TEST(LongDocQa, StatementsBeginWithTheirSubjectAndSayOneThing) {
  for (const DocKind& kind : doc_kinds()) {
    std::map<std::string, int> seen;
    for (const DocFact& fact : kind.facts) {
      for (const char* statement : fact.statements) {
        EXPECT_TRUE(std::string_view(statement).starts_with("{} ")) << statement;
        ++seen[titled_statement(kind, statement)];
      }
    }
    for (const DocTie& tie : kind.ties) {
      for (const char* statement : tie.statements) ++seen[statement];
    }
    EXPECT_EQ(seen.size(), 20u) << kind.noun;
    EXPECT_TRUE(kind.facts[0].is_year);
  }
}

TEST(LongDocQa, FormsComeInTheirSharesAndBothAnswersAsOften) {
  const auto builder = builder_of(R"({"task":"long_doc_qa","comparison_share":0.4,"yes_no_share":0.2})");
  std::map<std::string, int> forms, yes_no;
  int first_is_older = 0;
  for (std::int64_t index = 0; index < 400; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    const std::string form = item->difficulty.at("form").as_string();
    ++forms[form];
    EXPECT_EQ(item->difficulty.at("num_candidates").as_integer(), form == "bridge" ? 4 : 2);
    EXPECT_EQ(item->evidence.size(), form == "bridge" ? 2u : 4u);
    if (form == "yes_no") ++yes_no[item->answer.answers[0]];
    if (form == "comparison") first_is_older += item->gold_chain[0].find(" " + item->answer.answers[0]) != std::string::npos;
  }
  EXPECT_NEAR(forms["bridge"], 160, 40);
  EXPECT_NEAR(forms["comparison"], 160, 40);
  EXPECT_NEAR(yes_no["yes"], forms["yes_no"] / 2, 20);
  EXPECT_NEAR(first_is_older, forms["comparison"] / 2, 27);  // four standard errors
}

TEST(LongDocQa, AnswerStandsInTheEvidenceAlone) {
  const auto builder = builder_of(R"({"task":"long_doc_qa","comparison_share":0,"yes_no_share":0})");
  for (std::int64_t index = 0; index < 40; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    const std::string& text = item->messages[0].content;
    const EvidenceSpan& last = item->evidence.back();
    const std::string with_answer = text.substr(last.start, last.end - last.start);
    const auto count = [&](const std::string& in) {
      const std::vector<std::string> words = lower_words(in);
      return std::count(words.begin(), words.end(), lower_words(item->answer.answers[0]).front());
    };
    EXPECT_EQ(count(with_answer), 1) << with_answer;
    EXPECT_EQ(count(text), 1) << item->id;
  }
}

TEST(LongDocQa, KnobsThatContradictAreRefused) {
  for (const char* entry : {R"({"task":"long_doc_qa","comparison_share":0.9,"yes_no_share":0.2})",
                            R"({"task":"long_doc_qa","yes_no_share":0.5})", R"({"task":"long_doc_qa","num_people":3})"}) {
    EXPECT_THROW(builder_of(entry), UserError) << entry;
  }
}

TEST(LongDocQaWalks, EveryQuestionIsReadBack) {
  Rng rng(1, {2});
  for (std::size_t hops = 1; hops <= 6; ++hops) {
    for (int draw = 0; draw < 40; ++draw) {
      const auto world = draw_web_world(hops, 4, 0, rng);
      ASSERT_TRUE(world);
      const WebWalk walk{"Kessel", world->relations};
      for (std::size_t wording = 0; wording < kDocWalkQuestions.size(); ++wording) {
        const std::string text = to_text(walk, wording);
        const auto parsed = parse_doc_walk(text);
        ASSERT_TRUE(parsed) << text;
        EXPECT_EQ(parsed->start, "Kessel") << text;
        EXPECT_EQ(parsed->relations, walk.relations) << text;
      }
    }
  }
  for (const char* text : {"Name the town.", "Name the town where Aaron was drowned.", "Who or what is the town where the town was born?"})
    EXPECT_FALSE(parse_doc_walk(text)) << text;
}

TEST(LongDocQaWalks, TitlesSayWhatAPageIsAbout) {
  Item item;
  item.id = "long_doc_qa-train-1-1";
  item.task = "long_doc_qa";
  item.question = "Name the town where the person who started the Kessel Company was born.";
  item.messages = {{"user",
                    "Kessel Company\nA word about it. It was started by Aaron. It is directed by Baum.\n\n"
                    "Aaron\nHe was born in the town of Marl. A word. Aaron now lives in the town of Orlan.\n\n"
                    "Salmon\nA fish of the sea.\n\nBaum\nShe was born in the town of Orlan.\n\nQuestion: " +
                        item.question}};
  item.answer.answers = {"Marl"};
  item.gold_chain = {"The person who started the Kessel Company is Aaron.", "The town where Aaron was born is the town of Marl."};
  const Reading reading = read_item(item, test_corpus());
  EXPECT_EQ(reading.answers, item.answer.answers);
  EXPECT_EQ(reading.gold_chain, item.gold_chain);
  EXPECT_EQ(reading.oracle_answer, "Marl");
  EXPECT_EQ(reading.guesses, (std::vector<std::string>{"Marl", "Orlan"}));
  ASSERT_EQ(reading.evidence.size(), 2u);
  const std::string& content = item.messages[0].content;
  EXPECT_EQ(content.substr(reading.evidence[1].start, reading.evidence[1].end - reading.evidence[1].start),
            "He was born in the town of Marl.");
}

TEST(LongDocQaWalks, TakeThreePagesAndMoreEachOfThemNeeded) {
  const auto builder = builder_of(R"({"task":"long_doc_qa","max_tokens":2048,"walk_share":1,"comparison_share":0,"yes_no_share":0})");
  std::set<std::int64_t> hops;
  for (std::int64_t index = 0; index < 40; ++index) {
    const auto item = builder->build(2, index, count_quarter_bytes);
    if (!item) continue;
    const Reading reading = read_item(*item, test_corpus());
    EXPECT_EQ(reading.problem, "") << item->question;
    EXPECT_EQ(reading.answers, std::vector<std::string>{item->answer.answers[0]});
    EXPECT_EQ(item->difficulty.at("form").as_string(), "walk");
    hops.insert(item->difficulty.at("hops").as_integer());
    EXPECT_EQ(static_cast<std::int64_t>(item->evidence.size()), item->difficulty.at("hops").as_integer());
    for (const EvidenceSpan& span : item->evidence) {
      Item without = *item;
      without.messages[0].content.erase(static_cast<std::size_t>(span.start), static_cast<std::size_t>(span.end - span.start));
      EXPECT_NE(read_item(without, test_corpus()).answers.size(), 1u) << "without a piece of evidence several answers are left";
    }
  }
  EXPECT_EQ(hops, (std::set<std::int64_t>{3, 4}));
  const Item short_one = item_of(R"({"task":"long_doc_qa","max_tokens":1024,"walk_share":1,"comparison_share":0,"yes_no_share":0})");
  EXPECT_EQ(short_one.difficulty.at("form").as_string(), "bridge") << "no room for a walk's pages";
}

}  // namespace
}  // namespace longbow::data
