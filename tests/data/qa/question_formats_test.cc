// Every format that circulates gives the same kind of question, from files as they are released: lines, one array, gz and zst.
#include "data/qa/question_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/data/qa/qa_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

QaItem read(const char* row, QuestionFormat format = QuestionFormat::automatic, const FieldMap& fields = {}) {
  return question_from_row(parse_json(row, "row"), format, fields).value();
}

TEST(QuestionFormats, AreTold) {
  const struct {
    const char* row;
    QuestionFormat format;
  } cases[] = {{kHotpotRow, QuestionFormat::hotpotqa},  {kHotpotColumnsRow, QuestionFormat::hotpotqa},
               {kTwoWikiRow, QuestionFormat::two_wiki}, {kMusiqueRow, QuestionFormat::musique},
               {kVerlRow, QuestionFormat::verl},        {kReasoningGymRow, QuestionFormat::reasoning_gym},
               {kPlainRow, QuestionFormat::jsonl},      {R"({"question":"Q?","answer":"A"})", QuestionFormat::jsonl}};
  for (const auto& test : cases) EXPECT_EQ(format_of(parse_json(test.row, "row")), test.format) << test.row;
}

TEST(QuestionFormats, BothVariantsOfHotpotQaAreOneQuestion) {
  for (const char* row : {kHotpotRow, kHotpotColumnsRow}) {
    const QaItem item = read(row);
    EXPECT_EQ(item.id, "h1");
    EXPECT_EQ(item.type, "bridge");
    EXPECT_THAT(item.answers, ElementsAre("Norway"));
    ASSERT_EQ(item.paragraphs.size(), 3u);
    EXPECT_THAT(item.paragraphs[1].sentences, ElementsAre("Ida Holm was a painter.", "She was born in Norway."));
    EXPECT_TRUE(item.paragraphs[0].supporting && item.paragraphs[1].supporting && !item.paragraphs[2].supporting);
    EXPECT_THAT(item.paragraphs[1].supporting_sentences, ElementsAre(1u));
    EXPECT_EQ(item.paragraphs[1].text(), "Ida Holm was a painter. She was born in Norway.");
    EXPECT_EQ(item.metadata.at("level").as_string(), "hard");
  }
}

TEST(QuestionFormats, SupportingFactsBehindTheParagraphsEndStillMarkIt) {
  std::string row = kHotpotRow;
  row.replace(row.find("\"Ida Holm\",1"), 12, "\"Ida Holm\",8");
  const QaItem item = read(row.c_str());
  EXPECT_TRUE(item.paragraphs[1].supporting);
  EXPECT_TRUE(item.paragraphs[1].supporting_sentences.empty());
}

TEST(QuestionFormats, TwoWikiBringsTriples) {
  const std::string columns = R"("evidences":{"fact":["Red Sky"],"relation":["director"],"entity":["Tom Reed"]},"entity_ids")";
  std::string row = kTwoWikiRow;
  const std::size_t begin = row.find("\"evidences\""), end = row.find(",\"entity_ids\"");
  row.replace(begin, end - begin + 13, columns);
  for (const QaItem& item : {read(kTwoWikiRow), read(row.c_str())}) {
    EXPECT_EQ(item.evidence[0].subject, "Red Sky");
    EXPECT_EQ(item.evidence[0].relation, "director");
    EXPECT_EQ(item.evidence[0].object, "Tom Reed");
    EXPECT_EQ(item.metadata.at("entity_ids").as_string(), "Q1_Q2");
  }
}

TEST(QuestionFormats, MusiqueBringsStepsAndTheirTriples) {
  const QaItem item = read(kMusiqueRow);
  EXPECT_EQ(item.type, "2hop");
  EXPECT_THAT(item.answers, ElementsAre("Ann Lee", "Ann M. Lee"));
  EXPECT_THAT(item.paragraphs[1].sentences, ElementsAre("Low Tide is a novel by Sam Roe.", "It sold well."));
  ASSERT_EQ(item.steps.size(), 2u);
  EXPECT_EQ(item.steps[1].paragraph, 2u);
  ASSERT_EQ(item.evidence.size(), 2u);
  EXPECT_EQ(item.evidence[1].subject, "Sam Roe") << "the first step's answer stands for #1";
  EXPECT_EQ(item.evidence[1].object, "Ann Lee");
  std::string unanswerable = kMusiqueRow;
  unanswerable.replace(unanswerable.find("\"answerable\":true"), 17, "\"answerable\":false");
  EXPECT_FALSE(question_from_row(parse_json(unanswerable, "row"), QuestionFormat::automatic, {}));
}

TEST(QuestionFormats, RowsWithoutParagraphs) {
  const QaItem verl = read(kVerlRow), gym = read(kReasoningGymRow);
  EXPECT_EQ(verl.question, "What is 2 plus 3?");
  EXPECT_EQ(verl.id, "gsm8k/train/7");
  EXPECT_EQ(verl.type, "gsm8k");
  EXPECT_THAT(verl.answers, ElementsAre("5"));
  EXPECT_EQ(gym.id, "leg_counting/4");
  EXPECT_THAT(gym.answers, ElementsAre("12"));
}

TEST(QuestionFormats, PlainRowsAreReadByTheFieldMap) {
  FieldMap fields;
  fields.id = "uid";
  fields.question = "ask";
  fields.answer = "gold.text";
  fields.paragraphs = "passages";
  const QaItem item = read(kPlainRow, QuestionFormat::jsonl, fields);
  EXPECT_EQ(item.id, "9");
  EXPECT_THAT(item.answers, ElementsAre("Sam Roe", "S. Roe"));
  ASSERT_EQ(item.paragraphs.size(), 1u);
  EXPECT_THAT(item.paragraphs[0].sentences, ElementsAre("Low Tide is by Sam Roe.", "It sold well."));
  const QaItem titled =
      read(R"({"question":"Q?","answer":"b","aliases":["c"],"paragraphs":[{"title":"T","text":"a b.","supporting":true},["U",["c."]]]})");
  EXPECT_THAT(titled.answers, ElementsAre("b", "c"));
  EXPECT_TRUE(titled.paragraphs[0].supporting);
  EXPECT_EQ(titled.paragraphs[1].title, "U");
}

TEST(QuestionFormats, MissingAndMistypedFieldsAreNamed) {
  const struct {
    const char* row;
    const char* from;
    const char* to;
    const char* expected;
  } cases[] = {
      {kHotpotRow, "\"question\"", "\"q\"", "expected \"question\" to be a string, got nothing"},
      {kHotpotRow, "\"Norway\",\"type\"", "{},\"type\"", "expected \"answer\" to be a string or a number, got object"},
      {kHotpotRow, "\"Norway\",\"type\"", "\" \",\"type\"", "expected \"answer\" to be a string that says something"},
      {kHotpotRow, "[\"Ida Holm\",1]", "[\"Ida Helm\",1]", "expected \"supporting_facts\" to name titles of the context, got \"Ida Helm\""},
      {kHotpotRow, "[\"Ida Holm\",1]", "\"Ida Holm\"", "expected \"supporting_facts\" to be a list of pairs [title, …], got \"Ida Holm\""},
      {kHotpotRow, "[\"Ida Holm\",1]", "[\"Ida Holm\",\"1\"]", "titles with numbers of sentences, got \"1\""},
      {kHotpotRow, "[\"Oslo is a city.\"]", "7", "titles with lists of sentences, got integer"},
      {kHotpotColumnsRow, ",\"Oslo\"]", "]", "\"context\" to have columns of equal length, got 2 and 3"},
      {kTwoWikiRow, "\"director\",\"Tom Reed\"", "\"director\"", "expected \"evidences\" to be a list of [subject, relation, object]"},
      {kMusiqueRow, "\"idx\":2", "\"idx\":1", "expected \"paragraphs.2.idx\" to be a number of its own"},
      {kMusiqueRow, "\"paragraph_support_idx\":2", "\"paragraph_support_idx\":8",
       "expected \"question_decomposition.1.paragraph_support_idx\""},
      {kMusiqueRow, "\"answerable\":true", "\"answerable\":1", "expected \"answerable\" to be true or false, got integer"},
      {kVerlRow, "\"ground_truth\":\"5\"", "\"ground_truth\":[]",
       "expected \"reward_model.ground_truth\" to be an answer or a list of them, got []"},
      {kVerlRow, "\"role\":\"user\"", "\"role\":\"robot\"", "expected \"prompt\" to hold a user's message, got none"},
      {kReasoningGymRow, "12", "null", "expected \"answer\" to be a string, got nothing"},
  };
  for (const auto& test : cases) {
    std::string row = test.row;
    const std::size_t at = row.find(test.from);
    ASSERT_NE(at, std::string::npos) << test.from;
    row.replace(at, std::string_view(test.from).size(), test.to);
    try {
      read(row.c_str(), format_of(parse_json(test.row, "row")));
      ADD_FAILURE() << row;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
    }
  }
}

TEST(HoldsPhrase, LooksForWholeWordsWhateverTheirCaseAndPunctuation) {
  const struct {
    const char* text;
    const char* phrase;
    bool expected;
  } cases[] = {
      {"She was born in Norway.", "norway", true},
      {"Born in New-York City", "New York", true},
      {"Mayors", "May", false},
      {"It costs 1,000.", "1,000", true},
      {"It costs 11,000.", "1,000", false},
      {"Curaçao’s coast", "Curaçao's", true},
      {"该城市位于挪威。", "挪威", true},
      {"text", "", false},
      {"text", "...", false},
      {"“Low Tide” — a novel", "Low Tide", true},
  };
  for (const auto& test : cases) EXPECT_EQ(holds_phrase(test.text, test.phrase), test.expected) << test.text << " / " << test.phrase;
}

}  // namespace
}  // namespace longbow::data
