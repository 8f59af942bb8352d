// WebSearch: its reader against texts written by hand, and walks that need each of their pages.
#include "data/tasks/web_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/tasks/reading.h"
#include "data/tasks/shortcut_bots.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Reading read(const std::string& context, const std::string& question, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.id = "web_search-train-1-1";
  item.task = "web_search";
  item.messages = {{"user", context + "\n\nQuestion: " + question}};
  item.question = question;
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  return read_item(item, test_corpus());
}

const std::string kPages =
    "The Kessel Company was started by Aaron. It is directed by Baum. A stone. Baum was born in the town of Orlan. He now lives in the "
    "town "
    "of Marl. A word. The Ravel Company is directed by Aaron. Baum is the one who started the company. The town of Marl is where Aaron was "
    "born. She now lives in the town of Orlan.";
const std::string kQuestion = "A is the person who started the Kessel Company. B is the town where A was born. Which town is B?";

TEST(ReadWebSearch, WalksTheLinksThatTheQuestionNames) {
  const Reading reading = read(kPages, kQuestion);
  EXPECT_EQ(reading.problem, "");
  EXPECT_THAT(reading.answers, ElementsAre("Marl"));
  EXPECT_THAT(reading.gold_chain,
              ElementsAre("The person who started the Kessel Company is Aaron.", "The town where Aaron was born is the town of Marl."));
  std::vector<std::string> pages;
  for (const EvidenceSpan& span : reading.evidence) pages.push_back(kPages.substr(span.start, span.end - span.start));
  EXPECT_THAT(pages, ElementsAre("The Kessel Company was started by Aaron. It is directed by Baum.",
                                 "The town of Marl is where Aaron was born. She now lives in the town of Orlan."));
  EXPECT_THAT(reading.guesses, ElementsAre("Marl", "Orlan"));
  EXPECT_EQ(read("", kQuestion, reading.gold_chain).oracle_answer, "Marl");
  EXPECT_THAT(
      read(kPages, "Let A be the person who directs the Ravel Company. Let B be the town where A lives now. Find B and name this town.")
          .answers,
      ElementsAre("Orlan"));
}

TEST(ReadWebSearch, DefectsAreFound) {
  EXPECT_THAT(read(kPages + " Aaron was born in the town of Zarek.", kQuestion).answers, ElementsAre("Marl", "Zarek"));
  // Only one company, one person and one town are left to choose from.
  EXPECT_THAT(read("The Kessel Company was started by Aaron. A stone. Aaron was born in the town of Marl.", kQuestion).problem,
              HasSubstr("does not need the page about"));
  for (const char* question :
       {"A is the person who started the Kessel Company. C is the town where A was born. Which town is C?",
        "A is the person who started the Kessel Company. B is the ship that A built. Which ship is B?",
        "A is the person who started the Kessel Company. B is the town where A was born. Which ship is B?", "Which?"}) {
    EXPECT_THAT(read(kPages, question).problem, HasSubstr("question")) << question;
  }
}

TEST(ReadWebSearch, EverySentenceOfEveryRelationIsUnderstood) {
  for (std::size_t r = 0; r < web_relations().size(); ++r) {
    const WebRelation& relation = web_relations()[r];
    const Naming &subject = web_namings()[relation.subject], &object = web_namings()[relation.object];
    const WebRelation& other = web_relations()[r / kRelationsAPair * kRelationsAPair + (r + 1) % kRelationsAPair];
    EXPECT_EQ(other.subject, relation.subject);
    EXPECT_EQ(other.object, relation.object);
    const std::string question = to_text({"Aaron", {r}}, web_tellings()[r % web_tellings().size()]);
    for (const char* sentence : relation.sentences) {
      for (const char* again : {subject.again[0], subject.again[1]}) {
        const std::string named = put(put(sentence, '@', subject.called("Aaron")), '#', object.called("Baum"));
        const std::string opener = put(put(other.sentences[0], '@', subject.called("Aaron")), '#', object.called("Damon"));
        const std::string later = put(put(sentence, '@', again), '#', object.called("Baum"));
        EXPECT_THAT(read(named, question).answers, ElementsAre(object.answer("Baum"))) << named << "\n" << question;
        EXPECT_THAT(read(opener + " " + later, question).answers, ElementsAre(object.answer("Baum"))) << opener << " " << later;
      }
    }
  }
}

TEST(WebSearch, EveryTellingIsReadBack) {
  EXPECT_GE(web_tellings().size(), 12u);
  constexpr std::size_t kStarted = 24, kBorn = 0;  // relations
  ASSERT_EQ(web_relations()[kStarted].definition, std::string("the person who started @"));
  for (const WebTelling& telling : web_tellings()) {
    const std::string question = to_text({"Kessel", {kStarted, kBorn}}, telling);
    EXPECT_THAT(read(kPages, question).answers, ElementsAre("Marl")) << question;
  }
}

TEST(WebSearch, EveryPageOfTheWalkIsNeededAndNoShortcutHelps) {
  const auto builder = builder_of(R"({"task":"web_search","max_tokens":2048,"min_hops":3,"max_hops":5})");  // eight siblings
  const std::vector<std::string> bots = task_bot_names("web_search");
  std::vector<int> right(bots.size(), 0);
  int built = 0;
  double chance = 0;
  for (int index = 0; index < 300; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    const Reading reading = read_item(*item, test_corpus());
    ASSERT_EQ(reading.problem, "") << item->id;
    ASSERT_EQ(reading.answers.size(), 1u);
    EXPECT_EQ(item->evidence.size(), static_cast<std::size_t>(item->difficulty.at("num_hops").as_integer()));
    ASSERT_EQ(reading.shortcuts.size(), bots.size());
    for (std::size_t bot = 0; bot < bots.size(); ++bot) right[bot] += reading.shortcuts[bot] == item->answer.answers[0];
    chance += 1.0 / static_cast<double>(reading.guesses.size());
  }
  EXPECT_GE(built, 290);
  for (std::size_t bot = 0; bot < bots.size(); ++bot) EXPECT_LE(right[bot], chance + 4 * std::sqrt(chance)) << bots[bot];
}

TEST(WebSearch, SiblingsHaveEveryKindOfLink) {
  const Item item = item_of(R"({"task":"web_search","max_tokens":2048,"num_siblings":6,"num_other_links":2,"min_hops":3,"max_hops":3})");
  const std::string context(split_message(item.messages[0].content)->context);
  // 3 hops of 6 pages with 3 links; each is a sentence with the name of its object, and of its subject if it opens the page.
  int links = 0;
  for (std::size_t r = 0; r < web_relations().size(); ++r) {
    int of_relation = 0;
    for (const char* pattern : web_relations()[r].sentences) {
      const Naming &subject = web_namings()[web_relations()[r].subject], &object = web_namings()[web_relations()[r].object];
      for (const Sentence& sentence : split_sentences(context)) {
        bool found = false;
        for (const char* form : {subject.full, subject.again[0], subject.again[1]})
          found |= match(sentence.text, put(put(pattern, '@', form), '#', object.full)).has_value();
        of_relation += found;
      }
    }
    EXPECT_TRUE(of_relation == 0 || of_relation == 6) << web_relations()[r].definition << ": " << of_relation;
    links += of_relation;
  }
  EXPECT_EQ(links, 3 * 6 * 3);
}

TEST(WebSearch, FollowUpsAreAnsweredByTheSameText) {
  std::set<std::string> questions;
  for (const Item& item : builder_of(R"({"task":"web_search"})")->build_with_follow_ups(3, 0, count_quarter_bytes)) {
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

TEST(WebSearch, KnobsDoWhatTheySay) {
  for (const int hops : {3, 8}) {
    const Item item = item_of(concat(R"({"task":"web_search","max_tokens":4096,"min_hops":)", hops, R"(,"max_hops":)", hops, "}"));
    EXPECT_EQ(item.evidence.size(), static_cast<std::size_t>(hops));
    EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), 10);
    EXPECT_EQ(item.difficulty.at("num_other_links").as_integer(), hops == 3 ? 2 : 1);
  }
  const struct {
    const char* knobs;
    const char* expected;
  } cases[] = {
      {R"("min_hops":6,"max_hops":5)", "/min_hops: expected at most max_hops (5), got 6"},
      {R"("num_siblings":2)", "/num_siblings: expected 0, or at least 4, got 2"},
      {R"("min_hops":2)", "/min_hops"},
  };
  for (const auto& test : cases) {
    try {
      builder_of(concat(R"({"task":"web_search",)", test.knobs, "}"));
      ADD_FAILURE() << test.knobs << " was accepted";
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
    }
  }
}

QaItem two_hops() {
  QaItem item;
  item.id = "q";
  item.question = "When was the director of Red Sky born?";
  item.answers = {"3 May 1950"};
  item.paragraphs = {{"Red Sky", {"Red Sky is a film by Tom Reed."}, true, {}}, {"Tom Reed", {"He was born on 3 May 1950."}, true, {}}};
  item.evidence = {{"Red Sky", "director", "Tom Reed"}, {"Tom Reed", "date of birth", "3 May 1950"}};
  return item;
}

TEST(WebSearchOfQuestions, FindsTheWalk) {
  UserWalks::Walk walk = UserWalks::walk_of(two_hops());
  ASSERT_EQ(walk.size(), 2u);
  EXPECT_EQ(walk[0].definition, "the director of Red Sky");
  EXPECT_EQ(walk[1].definition, "the date of birth of @");
  EXPECT_EQ(walk[1].page, "Tom Reed: He was born on 3 May 1950.");

  QaItem steps = two_hops();
  steps.evidence.clear();
  steps.steps = {{"Red Sky >> director", "Tom Reed", 0}, {"When was #1 born?", "3 May 1950", 1}};
  walk = UserWalks::walk_of(steps);
  ASSERT_EQ(walk.size(), 2u);
  EXPECT_EQ(walk[0].definition, "the director of Red Sky");
  EXPECT_EQ(walk[1].definition, "the answer to \"When was @ born?\"");

  const struct {
    const char* what;
    void (*change)(QaItem&);
  } none[] = {
      {"one hop", [](QaItem& item) { item.evidence.pop_back(); }},
      {"a comparison", [](QaItem& item) { item.evidence[1].subject = "Ann Lee"; }},
      {"an object that its page does not hold", [](QaItem& item) { item.paragraphs[0].sentences[0] = "Nothing of note."; }},
      {"another answer", [](QaItem& item) { item.answers = {"Norway"}; }},
      {"a mark of the patterns", [](QaItem& item) { item.evidence[0].subject = item.paragraphs[0].title = "Red @ Sky"; }},
  };
  for (const auto& test : none) {
    QaItem item = two_hops();
    test.change(item);
    EXPECT_TRUE(UserWalks::walk_of(item).empty()) << test.what;
  }
  steps.steps[1].question = "When was Tom Reed born?";
  EXPECT_TRUE(UserWalks::walk_of(steps).empty()) << "a step that asks nothing of the one before";
}

TEST(WebSearchOfQuestions, HidesTheQuestionAmongItsSiblings) {
  const testing::TemporaryFolder folder;
  std::string rows;
  for (int i = 0; i < 40; ++i) {
    const std::string work = concat("Red ", static_cast<char>('A' + i / 10), "o", static_cast<char>('a' + i % 10)), person = "Tom" + work;
    rows += concat(R"({"_id":"w)", i, R"(","type":"compositional","question":"When?","answer":"3 May )", 1800 + i, R"(","context":[[")",
                   work, R"(",["By )", person, R"(."]],[")", person, R"(",["Born on 3 May )", 1800 + i, R"(."]]],"supporting_facts":[[")",
                   work, R"(",0],[")", person, R"(",0]],"evidences":[[")", work, R"(","director",")", person, R"("],[")", person,
                   R"(","date of birth","3 May )", 1800 + i, "\"]]}\n");
  }
  write_file_atomically(folder.file("rows.jsonl"), rows);
  const auto builder = builder_of(concat(R"({"task":"web_search","max_tokens":700,"num_siblings":5,"questions":{"path":[")",
                                         folder.file("rows.jsonl"), R"("],"heldout_share":0}})"));
  int last_hop = 0;
  for (int index = 0; index < 40; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    const Reading reading = read_item(*item, test_corpus());
    ASSERT_EQ(reading.problem, "") << item->question;
    EXPECT_EQ(reading.guesses.size(), 5u);
    EXPECT_EQ(reading.answers, std::vector<std::string>{item->answer.answers[0]});
    EXPECT_EQ(reading.gold_chain, item->gold_chain);
    EXPECT_EQ(item->gold_chain.size(), 3u);
    EXPECT_THAT(item->question, HasSubstr("the director of Red "));
    EXPECT_THAT(item->question, HasSubstr("the date of birth of A"));
    last_hop += reading.shortcuts.at(0) == item->answer.answers[0];
    for (const EvidenceSpan& span : item->evidence) {
      Item without = *item;
      without.messages[0].content.erase(span.start, span.end - span.start);
      EXPECT_NE(read_item(without, test_corpus()).problem, "");
    }
  }
  EXPECT_LE(last_hop, 8 + 4 * 2.6);  // one in five, and four standard errors
}

}  // namespace
}  // namespace longbow::data
