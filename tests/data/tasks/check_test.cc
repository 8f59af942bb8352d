// Checking data sets from elsewhere: what is wrong with one item is said of that item, and the others are checked too.
#include "data/tasks/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/bad_lines.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string line_of(const std::string& id, const std::string& reward) {
  return concat(R"({"id":")", id,
                R"(","task":"rivers","messages":[{"role":"user","content":"The river has 12 bends."}],"answer":{"reward":")", reward,
                R"(","answers":["12"]},"evidence":[{"start":0,"end":23}]})", "\n");
}

TEST(Check, NamesItemsThatNoRewardScoresAndIdsThatAreNotAlone) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder.file("a.jsonl"), line_of("one", "exact_match") + line_of("two", "none"));
  write_file_atomically(folder.file("b.jsonl"), line_of("three", "exact_match") + line_of("one", "exact_match"));
  CheckOptions options;
  options.num_threads = 1;
  options.corpus = &test_corpus();
  options.score = [](const Item& item, const std::string&) {
    if (item.answer.reward == "none") throw UserError("reward none: expected one that exists, got another");
    return 1.0;
  };
  std::vector<std::string> seen;
  for (const CheckFailure& failure : check_dataset(folder.path(), options).failures) {
    if (!failure.item.empty()) seen.push_back(concat(failure.item, " ", failure.gate, " ", failure.reason));
  }
  EXPECT_THAT(seen, ElementsAre("two oracle reward none: expected one that exists, got another",
                                concat("one construction its id occurs twice, at ", folder.file("a.jsonl"), ":1 and ",
                                       folder.file("b.jsonl"), ":2")));
}

TEST(Check, BadLinesStopItOrAreCounted) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder.file("a.jsonl"), line_of("one", "exact_match") + "{\"id\": \n7\n" + line_of("two", "exact_match"));
  write_file_atomically(folder.file("b.jsonl"), line_of("three", "exact_match") + "{}\n");
  CheckOptions options;
  options.num_threads = 1;
  options.corpus = &test_corpus();
  options.score = [](const Item&, const std::string&) { return 1.0; };
  try {
    check_dataset(folder.path(), options);
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(folder.file("a.jsonl") + ":2: expected a row of JSON"));
    EXPECT_EQ(error.hint(), kSkipBadLinesHint);
  }
  options.skip_bad_lines = true;
  const Json files = check_dataset(folder.path(), options).json.at("files");
  std::vector<std::int64_t> counts;
  for (const Json& file : files.as_array()) {
    counts.push_back(file.at("statistics").at("items").as_integer());
    counts.push_back(file.at("bad_lines_skipped").as_integer());
  }
  EXPECT_THAT(counts, ElementsAre(2, 2, 1, 1));
}

}  // namespace
}  // namespace longbow::data
