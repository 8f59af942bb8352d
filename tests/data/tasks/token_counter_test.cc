// Counting with remembered words is counting: the same numbers as the tokenizer's own, in any order and from any thread.
#include "data/tasks/token_counter.h"

#include <gtest/gtest.h>

#include "core/thread_pool.h"
#include "data/chat_template.h"
#include "data/tokenizer.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

const char* const kTokenizer = LONGBOW_SOURCE_DIR "/models/quickstart";

std::int64_t count_whole(std::string_view content) {
  static const Tokenizer tokenizer(kTokenizer);
  static const ChatTemplate chat_template = ChatTemplate::load(kTokenizer);
  return static_cast<std::int64_t>(tokenizer.encode(chat_template.render({{"user", std::string(content)}}, true)).size());
}

TEST(TokenCounter, CountsWhatTheTokenizerCounts) {
  const TokenCounter count = make_token_counter(kTokenizer, 0);
  std::string twenty_three(23, 'a'), long_word(500, 'b');
  const std::string texts[] = {"",
                               " ",
                               "A salmon is a fish.",
                               "  two  spaces   and more    ",
                               "line\n\nQuestion: what\tis it?",
                               "<|user|>special<|end|> <|assistant|>",
                               "caf\xC3\xA9 na\xC3\xAFve \xE2\x96\x81mark a\xE2\x96\x81"
                               "b \xF0\x9F\x90\x9F",
                               "broken \xFF\xC3 bytes",
                               std::string("nul \0 inside\0", 13),
                               twenty_three + " " + twenty_three + "a " + twenty_three,
                               long_word + " " + long_word,
                               "The key 4f2a91c3 points to the key 8d01bb7e."};
  for (int round = 0; round < 2; ++round) {  // the second finds every word known
    for (const std::string& text : texts) EXPECT_EQ(count(text), count_whole(text)) << text;
  }
}

TEST(TokenCounter, AgreesOnLongTextsFromAnyThread) {
  const TokenCounter count = make_token_counter(kTokenizer, 0);
  const std::vector<std::string>& filler = test_corpus().filler();
  ThreadPool pool(3);
  pool.parallel_for(12, [&](std::int64_t i, int) {
    std::string text;
    for (std::size_t k = 0; k < 400; ++k) text += filler[(static_cast<std::size_t>(i % 6) * 4001 + k * 7) % filler.size()] + " ";
    EXPECT_EQ(count(text), count_whole(text)) << i;
  });
}

TEST(TokenCounter, CountsBytesWithoutATokenizer) {
  const TokenCounter count = make_token_counter("", 4);
  EXPECT_EQ(count(""), 0);
  EXPECT_EQ(count("12345"), 2);
}

TEST(TokenCounter, DigestTellsTokenizersApart) {
  EXPECT_TRUE(has_tokenizer(kTokenizer));
  EXPECT_FALSE(has_tokenizer(""));
  EXPECT_FALSE(has_tokenizer(::testing::TempDir()));
  EXPECT_EQ(tokenizer_digest(kTokenizer), tokenizer_digest(kTokenizer));
  EXPECT_NE(tokenizer_digest(kTokenizer), tokenizer_digest(::testing::TempDir()));
}

}  // namespace
}  // namespace longbow::data
