// Whole question files: as they are released, and every way in which one can be broken.
#include "data/qa/question_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "core/line_reader.h"
#include "tests/data/qa/qa_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string plain(const std::string& id, const std::string& answer = "blue") {
  return R"({"id":")" + id + R"(","question":"What colour is it?","answer":")" + answer + R"(","paragraphs":"It is blue."})";
}

std::vector<std::string> ids(const QuestionSet& set) {
  std::vector<std::string> result;
  for (const QaItem& item : set.items) result.push_back(item.id);
  return result;
}

TEST(QuestionSource, ReadsLinesAndArraysPlainAndCompressed) {
  const std::string lines = plain("a") + "\n\n" + plain("b") + "\r\n" + plain("c");
  const std::string array = "\xEF\xBB\xBF [\n" + plain("a") + ",\n " + plain("b") + " ,\n" + plain("c") + "\n]\n";
  for (const std::string& bytes : {lines, array}) {
    for (const char* name : {"q.json", "q.json.gz", "q.jsonl.zst"}) {
      const QuestionFile file(bytes, name);
      const auto set = file.load();
      EXPECT_THAT(ids(*set), ElementsAre("a", "b", "c")) << name;
      EXPECT_EQ(set->items[1].where, file.path() + (bytes == lines ? ":3" : ":3"));
      EXPECT_EQ(set->items[2].where, file.path() + ":4");
    }
  }
}

TEST(QuestionSource, ReadsAnArrayLargerThanAnyBuffer) {
  std::string array = "[";
  for (int i = 0; i < 3000; ++i) {
    array += concat(i == 0 ? "" : ",", R"({"id":)", i, R"(,"question":"Q \"]\" {[?","answer":"\\","paragraphs":[]})") +
             std::string(i % 200, ' ');
  }
  const QuestionFile file(array + "]");
  EXPECT_EQ(file.load()->items.size(), 3000u);
}

TEST(QuestionSource, OneSetIsSharedAndSplitsDoNotOverlap) {
  std::string lines;
  for (int i = 0; i < 500; ++i) lines += plain(std::to_string(i)) + "\n";
  QuestionFile file(lines);
  const auto set = file.load();
  file.source().heldout_share = 0.5;
  EXPECT_EQ(file.load(), set);
  std::size_t heldout = 0;
  for (const QaItem& item : set->items) {
    heldout += is_heldout(item, 0.2);
    EXPECT_FALSE(is_heldout(item, 0));
    EXPECT_TRUE(is_heldout(item, 1));
  }
  EXPECT_GT(heldout, 65u);  // 100 expected, standard deviation 9
  EXPECT_LT(heldout, 135u);
}

TEST(QuestionSource, DigestIsOfTheText) {
  const QuestionFile one(plain("a")), same(plain("a"), "other.jsonl"), other(plain("b"));
  EXPECT_EQ(one.load()->digest, same.load()->digest);
  EXPECT_NE(one.load()->digest, other.load()->digest);
}

TEST(QuestionSource, RowsWithoutAnIdAreNamedByFileAndLine) {
  const QuestionFile file(R"({"question":"Q?","answer":"A"})");
  EXPECT_EQ(file.load()->items[0].id, "questions.jsonl:1");
}

TEST(QuestionSource, RowsWithoutAnIdInFilesOfOneNameAreDifferent) {
  QuestionFile first(R"({"question":"Q?","answer":"A"})"), second(R"({"question":"R?","answer":"B"})");
  first.source().path.push_back(second.path());
  EXPECT_THAT(ids(*first.load()), ElementsAre("questions.jsonl:1", second.path() + ":1"));
  first.source().path = {second.path(), second.path()};
  EXPECT_THAT(first.error(), HasSubstr("expected ids that differ, got two items called 'questions.jsonl:1'"));
}

struct BrokenFile {
  std::string name;
  std::string bytes;  // second of three rows where it is a bad row
  std::string expected;
};

std::vector<BrokenFile> broken_rows() {
  return {
      {"broken line", R"({"id":"x","question")", "questions.jsonl:2: expected a row of JSON, got row:1:"},
      {"no object", "[1]", "questions.jsonl:2: expected a row to be an object, got array"},
      {"missing field", R"({"id":"x","answer":"blue"})", "questions.jsonl:2: expected \"question\" to be a string, got nothing"},
      {"wrong type", R"({"id":"x","question":[],"answer":"blue"})", "questions.jsonl:2: expected \"question\" to be a string, got []"},
      {"doubled id", plain("a"), "questions.jsonl:2: expected ids that differ, got two items called 'a', the other at questions.jsonl:1"},
      {"lost answer", plain("x", "green"), "questions.jsonl:2: expected the answer \"green\" in the paragraphs, got none that holds it"},
      {"binary",
       std::string("\x7F"
                   "ELF\0\1\2\xFF",
                   8),
       "questions.jsonl:2: expected a row of JSON, got row:1:1"},
      {"line of 70 MB", std::string(70 << 20, 'x'), "expected at most 67108864 bytes, got more (questions.jsonl:2)"},
  };
}

TEST(QuestionSource, BadRowsAreNamedOrCounted) {
  for (const BrokenFile& broken : broken_rows()) {
    QuestionFile file(plain("a") + "\n" + broken.bytes + "\n" + plain("c") + "\n");
    EXPECT_THAT(file.error(), HasSubstr(broken.expected)) << broken.name;
    file.source().skip_bad_lines = true;
    const auto set = file.load();
    EXPECT_THAT(ids(*set), ElementsAre("a", "c")) << broken.name;
    EXPECT_EQ(set->num_skipped, 1) << broken.name;
  }
}

TEST(QuestionSource, BrokenFilesEndAndAreNamed) {
  const BrokenFile cases[] = {
      {"empty.jsonl", "", "expected at least one, got none (empty.jsonl)"},
      {"blank.jsonl", "\n \n", "expected at least one, got none (blank.jsonl)"},
      {"open.json", "[" + plain("a") + ",\n" + plain("b"), "open.json:2: expected the array's end, got the end of the file"},
      {"cut.json", "[" + plain("a") + ",\n{\"id\":\"", "cut.json:2: expected the array's end, got the end of the file"},
      {"more.json", "[" + plain("a") + "]\n{}", "more.json:2: expected nothing after the array, got '{'"},
      {"nothing.json", "[ ]", "expected at least one, got none (nothing.json)"},
      {"comma.json", "[" + plain("a") + ",]", "comma.json:1: expected a row of JSON, got row:1:1"},
  };
  for (const BrokenFile& test : cases) {
    QuestionFile file(test.bytes, test.name);
    EXPECT_THAT(file.error(), HasSubstr(test.expected));
    file.source().skip_bad_lines = true;
    if (test.bytes.find("\"id\":\"a\"") == std::string::npos) {
      EXPECT_THAT(file.error(), HasSubstr("expected at least one, got none")) << test.name;
    } else {
      EXPECT_EQ(file.load()->items.front().id, "a") << test.name;
    }
  }
  QuestionSource missing;
  missing.path = {"/nowhere/q.jsonl"};
  EXPECT_THROW(load_questions(missing), UserError);
}

TEST(QuestionSource, DecompressionBombIsRefused) {
  std::string line = plain("a") + "\n" + R"({"id":"b","question":")";
  const QuestionFile file(line + std::string(std::size_t{90} << 20, ' ') + "\"}", "bomb.jsonl.gz");
  EXPECT_LT(read_file(file.path()).size(), 200000u);
  EXPECT_THAT(file.error(), HasSubstr("bomb.jsonl.gz:2"));
}

TEST(QuestionSource, AnswersMustStandInTheMarkedEvidence) {
  std::string elsewhere = kHotpotRow;
  elsewhere.replace(elsewhere.find("born in Norway"), 14, "born in Sweden");
  EXPECT_THAT(QuestionFile(elsewhere).error(), HasSubstr("expected the answer \"Norway\" in the supporting paragraphs"));
  std::string yes = kHotpotRow;
  yes.replace(yes.find("\"Norway\""), 8, "\"yes\"");
  EXPECT_EQ(QuestionFile(yes).error(), "") << "a comparison's yes is in no text";
  for (const char* row : {kHotpotRow, kHotpotColumnsRow, kTwoWikiRow, kMusiqueRow, kVerlRow, kReasoningGymRow}) {
    EXPECT_EQ(QuestionFile(row).error(), "") << row;
  }
}

}  // namespace
}  // namespace longbow::data
