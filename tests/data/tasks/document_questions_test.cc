// LongDocQA, MultiNeedle and MultiQuery over the user's questions: what they quote, what they keep apart, and what they refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "data/tasks/gates.h"
#include "data/tasks/multi_needle.h"
#include "data/tasks/multi_query.h"
#include "data/tasks/other_paragraphs.h"
#include "data/tasks/user_question.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Two-paragraph questions about invented people and places: where somebody was born, and which river runs there.
class DocumentQuestions : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = ::testing::TempDir() + concat("/longbow_document_questions_", ::getpid(), ".jsonl");
    const std::vector<std::string>& names = test_corpus().names(Split::train);
    std::ofstream file(path_);
    for (std::size_t i = 0; i < 40; ++i) {
      const auto name = [&](std::size_t k) { return names[(7 * i + k) % names.size()]; };
      const std::string person = name(0) + " " + name(1), town = name(2), river = name(3);
      Json line = Json::object();
      line["id"] = concat("q", i);
      line["question"] = concat("Which river runs through the town where ", person, " grew up?");
      line["answer"] = river;
      line["paragraphs"] = Json::array();
      const auto add = [&](const std::string& title, const std::string& text, bool supporting) {
        Json paragraph = Json::object();
        paragraph["title"] = title;
        paragraph["text"] = text;
        paragraph["supporting"] = supporting;
        line["paragraphs"].push_back(std::move(paragraph));
      };
      add(person, concat("Trained by ", name(4), ", it was ", person, " who came from ", town, ". Some say that ", name(5), " helped."),
          true);
      add(town, concat("The mayor is ", name(6), ". Old maps by ", name(5), " show ", town, " on the ", river, ". It has a bridge."), true);
      add(town + " Hall", concat("A hall number ", i, " of ", name(4), " and of ", name(6), ". It is made of stone and wood."), false);
      file << line.dump() << "\n";
    }
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::string entry(const std::string& task, const std::string& more = "") const {
    return concat(R"({"task":")", task, R"(","max_tokens":1200,"questions":{"path":[")", path_, R"("],"heldout_share":0})", more, "}");
  }
  // Every gate on the first `count` draws; those that pass.
  std::vector<Item> sound_items(const std::string& entry, std::int64_t count, const std::string& permitted = "") const {
    const auto builder = builder_of(entry);
    const NgramIndex nothing{{}};
    const GateKeeper gates{test_corpus(), nothing, {}, count_quarter_bytes};
    std::vector<Item> items;
    for (std::int64_t index = 0; index < count; ++index) {
      auto item = builder->build(3, index, count_quarter_bytes);
      if (!item) continue;
      const auto failure = gates.judge(*item, read_item(*item, test_corpus()));
      if (!failure) {
        items.push_back(std::move(*item));
      } else if (permitted.empty() || failure->reason.find(permitted) == std::string::npos) {
        ADD_FAILURE() << item->id << ": " << name_of(failure->gate) << ": " << failure->reason;
      }
    }
    return items;
  }

  std::string path_;
};

TEST_F(DocumentQuestions, LongDocQaHidesTheEvidenceAmongPages) {
  const std::vector<Item> items = sound_items(entry("long_doc_qa"), 40, "the bot");
  ASSERT_GE(items.size(), 10u);
  for (const Item& item : items) {
    const std::string& text = item.messages[0].content;
    EXPECT_EQ(item.evidence.size(), 2u);
    EXPECT_THAT(item.question, HasSubstr("Which river runs through the town where"));
    std::string rest = text;
    for (const EvidenceSpan& span : item.evidence)
      rest.replace(static_cast<std::size_t>(span.start), static_cast<std::size_t>(span.end - span.start),
                   std::string(static_cast<std::size_t>(span.end - span.start), ' '));
    EXPECT_FALSE(holds_phrase(rest, item.answer.answers[0])) << "without the evidence nothing answers: " << item.id;
    EXPECT_EQ(item.answer.reward, "sub_em");
    EXPECT_GE(item.difficulty.at("num_candidates").as_integer(), 5);
  }
}

TEST_F(DocumentQuestions, LongDocQaRefusesAnswersInTheQuestion) {
  const auto refused = [&](const std::string& question, const std::string& answer, const std::string& text) {
    std::ofstream(path_) << R"({"question":")" << question << R"(","answer":")" << answer << R"(","paragraphs":[{"title":"T","text":")"
                         << text << "\",\"supporting\":false}]}\n";
    try {
      return !builder_of(entry("long_doc_qa"))->build(1, 0, count_quarter_bytes);
    } catch (const UserError&) {  // no question of the file suits
      return true;
    }
  };
  EXPECT_FALSE(refused("Who met Aaron?", "Baum", "Aaron met Baum. Callas met Damon."));
  EXPECT_TRUE(refused("Was it Baum who met Aaron?", "Baum", "Aaron met Baum. Callas met Damon."));
}

TEST_F(DocumentQuestions, LongDocQaCapsYesAndNo) {
  std::ofstream file(path_);
  for (int i = 0; i < 200; ++i) {
    file << R"({"question":"Is it so in case )" << i << R"( of Aaron?","answer":")"
         << (i % 2 == 0   ? "yes"
             : i % 4 == 1 ? "no"
                          : "Baum")
         << R"(","paragraphs":[{"title":"Case )" << i << R"(","text":"Callas and Damon met Baum here. The rest is stone )" << i
         << ".\",\"supporting\":true}]}\n";
  }
  file.close();
  const auto builder = builder_of(entry("long_doc_qa", R"(,"yes_no_share":0.1)"));
  int yes_no = 0, built = 0;
  for (std::int64_t index = 0; index < 400; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    yes_no += item->answer.reward == "exact_match";
  }
  ASSERT_GE(built, 80);
  EXPECT_NEAR(static_cast<double>(yes_no) / built, 0.1, 0.09);
}

TEST_F(DocumentQuestions, MultiNeedleCountsTextsUnderOneTitle) {
  for (const char* answer : {"text", "code"}) {
    const std::vector<Item> items =
        sound_items(entry("multi_needle", concat(R"(,"min_same":2,"max_same":2,"answer":")", answer, "\"")), 20);
    ASSERT_GE(items.size(), 15u) << answer;
    int asked_second = 0;
    for (const Item& item : items) {
      EXPECT_THAT(item.question, HasSubstr("passage on \""));
      EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), 2);
      asked_second += item.difficulty.at("asked").as_integer() == 2;
    }
    EXPECT_GT(asked_second, 2);
    EXPECT_LT(asked_second, static_cast<int>(items.size()) - 2);
  }
}

TEST_F(DocumentQuestions, TitledTextsAreParagraphsOrTheirSentences) {
  QaItem one, other;
  one.paragraphs = {{"Kessel", {"A first sentence here.", "A second sentence here.", "Short."}, false, {}}};
  other.paragraphs = {{"Kessel", {"Another paragraph altogether."}, false, {}}, one.paragraphs[0]};
  const std::vector<const QaItem*> questions = {&one, &other};
  const TitledTexts texts(questions);
  EXPECT_THAT(texts.under("Kessel", 2),
              ::testing::ElementsAre("A first sentence here. A second sentence here. Short.", "Another paragraph altogether."));
  EXPECT_THAT(texts.under("Kessel", 3),
              ::testing::ElementsAre("A first sentence here.", "A second sentence here.", "Another paragraph altogether."));
  EXPECT_TRUE(texts.under("Kessel", 4).empty());
  EXPECT_TRUE(texts.under("Dorwin", 1).empty());
}

TEST_F(DocumentQuestions, MultiQueryListsTheAnswersOfWhatStands) {
  const std::vector<Item> items =
      sound_items(entry("multi_query", R"(,"num_queries":3,"num_cancelled":1,"num_replaced":1,"num_reasked":1)"), 20);
  ASSERT_GE(items.size(), 15u);
  for (const Item& item : items) {
    EXPECT_EQ(item.difficulty.at("num_candidates").as_integer(), 10) << "three of five questions";
    EXPECT_EQ(item.evidence.size(), 3u * 2 + 5 * 3 + 1) << "paragraphs; three mentions of each question, and one more";
    EXPECT_EQ(std::count(item.answer.answers[0].begin(), item.answer.answers[0].end(), '\n'), 2);
  }
}

TEST_F(DocumentQuestions, MultiQueryReadsTheOrderOffTheText) {
  Item item = sound_items(entry("multi_query", R"(,"num_queries":2,"num_cancelled":1,"num_replaced":0,"num_reasked":0)"), 3).at(0);
  std::string& text = item.messages[0].content;
  const std::size_t question = text.rfind("\n\nQuestion: ");
  const Json asked = item.difficulty.at("asked");
  text.insert(question, concat("\nPlease ignore: \"", asked.as_array()[0].as_string(), "\"."));  // the first two stand
  const Reading reading = read_item(item, test_corpus());
  ASSERT_EQ(reading.answers.size(), 1u) << reading.problem;
  EXPECT_EQ(reading.answers[0], "1. " + item.difficulty.at("asked_answers").as_array()[1].as_string());
}

TEST_F(DocumentQuestions, OtherParagraphsAreDealtOnceAndCutToTheRoom) {
  QaItem item;
  item.paragraphs = {{"A", {"One sentence.", "Two sentences."}, false, {}}, {"B", {"Left out."}, false, {}}};
  const std::vector<const QaItem*> questions = {&item};
  OtherParagraphs others(questions, [](const QaParagraph& paragraph) { return paragraph.title != "B"; });
  Rng rng(1, {1});
  const auto dealt = others.deal(20, rng);
  ASSERT_TRUE(dealt);
  EXPECT_EQ(dealt->title, "A");
  EXPECT_EQ(dealt->text, "One sentence.");
  EXPECT_FALSE(others.deal(1000, rng));
}

}  // namespace
}  // namespace longbow::data
