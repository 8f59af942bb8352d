// The files that items are held against: text of any kind, and what would guard against nothing is refused.
#include "data/tasks/decontamination.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

constexpr const char* kText = "one two three four five six seven\neight nine ten eleven twelve thirteen fourteen";

TEST(Decontamination, FindsRunsInTextOfAnyKind) {
  const testing::TemporaryFolder folder;
  const std::string json = R"({"question": "one two three four five six seven\neight nine ten eleven twelve thirteen?"})";
  for (const auto& [name, bytes] :
       {std::pair{"a.txt", std::string(kText)}, std::pair{"a.txt.gz", std::string(kText)}, std::pair{"a.jsonl.zst", json},
        std::pair{"windows.txt", "\xEF\xBB\xBF" + std::string(kText) + "\r\n"}, std::pair{"latin1.txt", "caf\xE9 " + std::string(kText)}}) {
    write_file_atomically(folder.file(name), bytes);
    const NgramIndex index({folder.file(name)});
    EXPECT_EQ(index.shared_with("Zero ONE two, three four five six seven eight nine ten eleven twelve (thirteen)!"),
              "ONE two, three four five six seven eight nine ten eleven twelve (thirteen")
        << name;
    EXPECT_EQ(index.shared_with("one two three four five six seven eight nine ten eleven twelve"), "") << name;
  }
}

TEST(Decontamination, WhatWouldGuardAgainstNothingIsRefused) {
  const testing::TemporaryFolder folder;
  const struct {
    const char* name;
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"empty.txt", "", "expected text of at least 13 words, got fewer"},
      {"short.txt", "one two three", "expected text of at least 13 words, got fewer"},
      {"binary.txt",
       std::string(kText) + std::string("\n\x7F"
                                        "ELF\0\1",
                                        7),
       "binary.txt:3)"},
      {"utf16.txt", std::string("\xFF\xFEo\0n\0e\0", 8), "expected text, got a NUL byte"},
  };
  for (const auto& test : cases) {
    write_file_atomically(folder.file(test.name), test.bytes);
    try {
      NgramIndex({folder.file(test.name)});
      ADD_FAILURE() << test.name;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(test.expected)) << test.name;
    }
  }
  EXPECT_THROW(NgramIndex({folder.path()}), UserError);
  EXPECT_THROW(NgramIndex({folder.file("none.txt")}), UserError);
}

}  // namespace
}  // namespace longbow::data
