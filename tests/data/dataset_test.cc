// Files of a data set as `data check` reads them: every way in which one can be broken is one line with its place.
#include "data/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

std::string line_of(const std::string& id) {
  return R"({"id":")" + id + R"(","task":"t","messages":[{"role":"user","content":"c"}],"answer":{"reward":"math","answers":["7"]}})";
}

TEST(Dataset, ItemsComeWithTheirPlaces) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("a.jsonl.gz");
  write_file_atomically(path, "\xEF\xBB\xBF" + line_of("a") + "\r\n \n" + line_of("b"));
  std::vector<std::string> seen;
  for_each_item(path, [&](Item item, const std::string& where) { seen.push_back(item.id + " " + where); });
  EXPECT_EQ(seen, (std::vector<std::string>{"a " + path + ":1", "b " + path + ":3"}));
}

TEST(Dataset, BadFilesAreNamedWithTheLine) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.file("a.jsonl");
  const struct {
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"", "data set: expected at least one item, got none ("},
      {" \n\n", "data set: expected at least one item, got none ("},
      {line_of("a") + "\n{\"id\": \"b", "a.jsonl:2: expected a row of JSON, got row:1:10: bad JSON: missing a closing quotation mark"},
      {line_of("a") + "\n7\n", "a.jsonl:2: item: expected an object, got integer"},
      {line_of("a") + "\n{}\n", "a.jsonl:2: item: expected \"id\" to be a string, got nothing"},
      {std::string("\x7F"
                   "ELF\0\1\2",
                   7),
       "a.jsonl:1: expected a row of JSON, got row:1:1: bad JSON"},
      {std::string("\xFF\xFE{\0}\0", 6), "a.jsonl:1: expected a row of JSON, got row:1:1: bad JSON: expected UTF-8, got UTF-16"},
  };
  for (const auto& test : cases) {
    write_file_atomically(path, test.bytes);
    try {
      read_items(path);
      ADD_FAILURE() << test.expected;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
      EXPECT_THAT(error.what(), HasSubstr(path));
    }
  }
}

TEST(Dataset, ManifestsOfAnyShapeAreNamed) {
  const testing::TemporaryFolder folder;
  const struct {
    const char* manifest;
    const char* expected;
  } cases[] = {
      {"", "manifest.json:1:1: bad JSON: the document is empty"},
      {"[]", "manifest: JSON: expected an object, got an array ("},
      {"{}", "manifest: JSON: expected a key \"files\", got an object without it ("},
      {R"({"files": 7})", "manifest: JSON: expected an array, got an integer ("},
      {R"({"files": [7]})", "manifest: JSON: expected an object, got an integer ("},
      {R"({"files": [{"file": null}]})", "manifest: JSON: expected a string, got null ("},
      {R"({"files": [{"file": "../secret.jsonl"}]})", "expected a file inside the data set, got \"../secret.jsonl\" ("},
      {R"({"files": []})", "data set: expected .jsonl files, got none ("},
  };
  for (const auto& test : cases) {
    write_file_atomically(folder.file("manifest.json"), test.manifest);
    try {
      dataset_files(folder.path());
      ADD_FAILURE() << test.manifest;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected));
      EXPECT_THAT(error.what(), HasSubstr(folder.path()));
    }
  }
}

}  // namespace
}  // namespace longbow::data
