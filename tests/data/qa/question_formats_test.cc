// Every format that circulates gives the same kind of question, from files as they are released: lines, one array, gz and zst.
#include "data/qa/question_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

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

// Shapes of the files as they are released, each with what is peculiar to it.
TEST(QuestionFormats, RowsAsReleased) {
  constexpr const char* kHotpotContext =
      R"row("context":[["Dawn (painting)",["Dawn is a painting by Ida Holm."," It hangs in Bergen."]],["Ida Holm",["She was born in Norway."]]])row";
  const struct {
    const char* what;
    std::string row;
    std::vector<std::string> answers;  // empty: left out
    std::size_t supporting = 0;
    std::size_t triples = 0;
  } cases[] = {
      {"HotpotQA, distractor: level and type",
       concat(R"row({"_id":"5a","answer":"Norway","question":"Q?","supporting_facts":[["Dawn (painting)",0],["Ida Holm",0]],)row",
              kHotpotContext, R"(,"type":"bridge","level":"medium"})"),
       {"Norway"},
       2},
      {"HotpotQA: yes, and a number of a sentence behind the end",
       concat(R"row({"_id":"5b","answer":"yes","question":"Q?","supporting_facts":[["Dawn (painting)",5],["Ida Holm",0]],)row",
              kHotpotContext, R"(,"type":"comparison","level":"hard"})"),
       {"yes"},
       2},
      {"HotpotQA, fullwiki: the search did not find a paragraph that the question rests on",
       concat(R"({"_id":"5c","answer":"Norway","question":"Q?","supporting_facts":[["Dawn",0],["Ida Holm",0]],)", kHotpotContext,
              R"(,"type":"bridge","level":"hard"})"),
       {}},
      {"2WikiMultihopQA with ids; the film's title has a kind in brackets that its triple has not",
       R"({"_id":"8813f87c0bdd11eba7f7acde48001122","type":"compositional","question":"Who is the mother of the director of film Red Sky?",)"
       R"row("context":[["Red Sky (film)",["Red Sky is a 1931 film directed by Tom Reed."]],["Tom Reed",["He is a son of Ann Lee."]],)row"
       R"row(["Low Tide",["A novel."]]],"entity_ids":"Q1_Q2","supporting_facts":[["Red Sky (film)",0],["Tom Reed",0]],)row"
       R"("evidences":[["Red Sky","director","Tom Reed"],["Tom Reed","mother","Ann Lee"]],"answer":"Ann Lee",)"
       R"("evidences_id":[["Q1","director","Q2"],["Q2","mother","Q3"]],"answer_id":"Q3"})",
       {"Ann Lee"},
       2,
       2},
      {"2WikiMultihopQA, nested fields as text",
       R"({"_id":"9f","type":"comparison","question":"Q?","context":"[[\"Red Sky\", [\"Red Sky is a film.\"]], [\"Low Tide\", [\"A novel.\"]]]",)"
       R"("supporting_facts":"[[\"Red Sky\", 0]]","evidences":"[[\"Red Sky\", \"country\", \"Norway\"]]","answer":"Red Sky"})",
       {"Red Sky"},
       1,
       1},
      {"2WikiMultihopQA, a list of structs",
       R"({"id":"9g","type":"comparison","question":"Q?","context":[{"title":"Red Sky","content":["Red Sky is a film."]}],)"
       R"("supporting_facts":[{"title":"Red Sky","sent_id":0}],"evidences":[],"answer":"no"})",
       {"no"},
       1},
      {"MuSiQue-Ans: aliases, and a step that quotes two before it",
       R"({"id":"3hop2__1_2_3","paragraphs":[{"idx":0,"title":"A","paragraph_text":"A is in B.","is_supporting":true},)"
       R"({"idx":1,"title":"C","paragraph_text":"C is in D.","is_supporting":true},)"
       R"({"idx":2,"title":"E","paragraph_text":"B and D met in 1931.","is_supporting":true}],"question":"Q?",)"
       R"("question_decomposition":[{"id":1,"question":"A >> located in","answer":"B","paragraph_support_idx":0},)"
       R"({"id":2,"question":"C >> located in","answer":"D","paragraph_support_idx":1},)"
       R"({"id":3,"question":"when did #1 and #2 meet","answer":"1931","paragraph_support_idx":2}],)"
       R"("answer":"1931","answer_aliases":["in 1931"],"answerable":true})",
       {"1931", "in 1931"},
       3,
       2},
      {"MuSiQue-Full: the twin that cannot be answered has no paragraph for a step",
       R"({"id":"3hop2__1_2_3","paragraphs":[{"idx":0,"title":"A","paragraph_text":"A is in B.","is_supporting":true}],"question":"Q?",)"
       R"("question_decomposition":[{"id":1,"question":"A >> located in","answer":"B","paragraph_support_idx":null}],)"
       R"("answer":"1931","answer_aliases":[],"answerable":false})",
       {}},
      {"verl, as gsm8k is prepared: the message wraps the question in instructions",
       R"({"data_source":"openai/gsm8k","prompt":[{"content":"What is 2 plus 3? Let's think step by step.","role":"user"}],"ability":"math",)"
       R"("reward_model":{"ground_truth":"5","style":"rule"},"extra_info":{"answer":"2 + 3 = <<2+3=5>>5\n#### 5","index":0,)"
       R"("question":"What is 2 plus 3?","split":"train"}})",
       {"5"}},
      {"verl, as questions for search are prepared: accepted answers under target",
       R"({"id":"train_0","question":"What is 2 plus 3?","golden_answers":["5","five"],"data_source":"nq","ability":"fact-reasoning",)"
       R"("prompt":[{"content":"Answer the given question. Question: What is 2 plus 3?","role":"user"}],)"
       R"("reward_model":{"ground_truth":{"target":["5","five"]},"style":"rule"},"extra_info":{"index":0,"split":"train"},"metadata":null})",
       {"5", "five"}},
      {"reasoning-gym",
       R"({"question":"State the final answer: 4 + 3 =","answer":"7","metadata":{"source_dataset":"chain_sum","source_index":0,)"
       R"("num_terms":2,"expression":"4 + 3","difficulty":{"num_terms":[2,6],"num_digits":[1,4]}}})",
       {"7"}},
      {"reasoning-gym: a task with many right answers",
       R"({"question":"Colour the graph.","answer":null,"metadata":{"source_dataset":"graph_color","source_index":0,"possible_answer":{}}})",
       {}},
  };
  for (const auto& test : cases) {
    const auto item = question_from_row(parse_json(test.row, "row"), QuestionFormat::automatic, {});
    ASSERT_EQ(item.has_value(), !test.answers.empty()) << test.what;
    if (!item) continue;
    EXPECT_EQ(item->answers, test.answers) << test.what;
    EXPECT_EQ(std::count_if(item->paragraphs.begin(), item->paragraphs.end(), [](const QaParagraph& one) { return one.supporting; }),
              static_cast<std::ptrdiff_t>(test.supporting))
        << test.what;
    EXPECT_EQ(item->evidence.size(), test.triples) << test.what;
    if (item->type == "openai/gsm8k" || item->type == "nq") {
      EXPECT_EQ(item->question, "What is 2 plus 3?") << test.what;
    }
  }
}

TEST(QuestionFormats, ParagraphsAreFoundByTheirTitlesCore) {
  QaItem item;
  item.paragraphs = {{"Red Sky (novel)", {}, false, {}}, {"Red Sky (film)", {}, true, {}}, {"Ann Lee", {}, false, {}}};
  const auto title = [&](const char* subject) {
    const QaParagraph* found = paragraph_about(item, subject);
    return found != nullptr ? found->title : "";
  };
  EXPECT_EQ(title("Red Sky"), "Red Sky (film)") << "the marked one";
  EXPECT_EQ(title("Red Sky (novel)"), "Red Sky (novel)") << "the one titled so";
  EXPECT_EQ(title("ann lee"), "Ann Lee");
  EXPECT_EQ(title("Ann"), "");
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
      {kReasoningGymRow, "\"answer\":12,", "", "expected \"answer\" to be a string, got nothing"},
      {kVerlRow, "\"5\"", "{\"targets\":[\"5\"]}", "expected \"reward_model.ground_truth\" to be a string or a number, got object"},
      {kVerlRow, "\"5\"", "{\"target\":[]}", "expected \"reward_model.ground_truth.target\" to be an answer or a list of them, got []"},
      {kTwoWikiRow, "[[\"Red Sky\",\"director\",\"Tom Reed\"],[\"Tom Reed\",\"date of death\",\"3 May 1950\"]]", "\"no list\"",
       "expected \"evidences\" to be a list, or the text of one, got \"no list\""},
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
