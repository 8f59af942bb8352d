// The tokenizer that train_tokenizer makes: text comes back as it went in, special tokens are found, files agree with each other.
#include "data/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "core/line_reader.h"
#include "core/random.h"
#include "data/chat_template.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

std::string folder(const std::string& name) {
  static const testing::TemporaryFolder root;
  return root.file(name);
}

std::vector<std::string> corpus() {
  const std::vector<std::string> words = {"river", "stone",  "a",     "the",   "of",   "quick", "copper", "keeper", "holds", "code",
                                          "every", "garden", "north", "seven", "1984", "42",    "word,",  "end.",   "light", "carries"};
  Rng rng(3, {stable_hash("tokenizer test")});
  std::vector<std::string> lines;
  for (int i = 0; i < 2000; ++i) {
    std::string line;
    for (int k = 0; k < 12; ++k) line += (k > 0 ? " " : "") + rng.pick(words);
    lines.push_back(line);
  }
  return lines;
}

const std::string& trained() {
  static const std::string dir = [] {
    const std::string path = folder("trained");
    train_tokenizer(corpus(), {.vocab_size = 360}, path);
    return path;
  }();
  return dir;
}

TEST(Tokenizer, LaysOutItsVocabularyAsDocumented) {
  const Tokenizer tokenizer(trained());
  EXPECT_EQ(tokenizer.vocab_size(), 360);
  EXPECT_EQ(tokenizer.piece_id("<unk>"), 0);
  EXPECT_EQ(tokenizer.bos_id(), 1);
  EXPECT_EQ(tokenizer.piece_id("</s>"), 2);
  EXPECT_EQ(tokenizer.pad_id(), 2);
  EXPECT_EQ(tokenizer.piece_id("<|user|>"), 3);
  EXPECT_EQ(tokenizer.piece_id("<|assistant|>"), 4);
  EXPECT_EQ(tokenizer.eos_id(), 5);
  EXPECT_EQ(tokenizer.piece_id("<0x00>"), 6);
  EXPECT_EQ(tokenizer.piece_id("no such piece"), -1);
}

TEST(Tokenizer, AnyTextComesBack) {
  const Tokenizer tokenizer(trained());
  std::vector<std::string> texts = {"",
                                    "the river",
                                    " leading",
                                    "trailing ",
                                    "two  spaces   three",
                                    "a\nb\n\nc\r\n\td",
                                    "1984 42 7",
                                    "caf\u00e9 \u65e5\u672c\u8a9e \U0001F600",
                                    "\u2581 mark \u2581\u2581",
                                    "<|end",
                                    "no\u00a0break\u200b",
                                    std::string("nul\0nul", 7),
                                    "\uFFFD"};
  Rng rng(5, {stable_hash("round trip")});
  const std::vector<std::string> alphabet = {"a", "the",      " ",   "  ",         "\n",    "\u00e9", "\u2581",
                                             "9", "<|user|>", "<s>", "\U0001F600", "stone", "<",      "|"};
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (std::uint64_t k = rng.below(30); k > 0; --k) text += rng.pick(alphabet);
    texts.push_back(text);
  }
  for (const std::string& text : texts) EXPECT_EQ(tokenizer.decode(tokenizer.encode(text), false), text);
}

TEST(Tokenizer, SpecialTokensInTextBecomeTheirIds) {
  const Tokenizer tokenizer(trained());
  const auto ids = tokenizer.encode("<s><|user|>\nthe<|end|><|end|>");
  ASSERT_GE(ids.size(), 6u);
  EXPECT_EQ(ids[0], 1);
  EXPECT_EQ(ids[1], 3);
  EXPECT_EQ(ids[ids.size() - 1], 5);
  EXPECT_EQ(ids[ids.size() - 2], 5);
  EXPECT_EQ(tokenizer.decode(ids), "\nthe");
  EXPECT_EQ(tokenizer.decode(ids, false), "<s><|user|>\nthe<|end|><|end|>");
  EXPECT_EQ(tokenizer.encode("", true), std::vector<std::int32_t>{1});
}

TEST(Tokenizer, DigitsAreSplit) {
  const Tokenizer tokenizer(trained());
  EXPECT_EQ(tokenizer.encode("1984").size(), 4u);  // though the corpus holds it often
}

TEST(Tokenizer, BrokenByteRunsBecomeReplacementCharacters) {
  const Tokenizer tokenizer(trained());
  const std::int32_t byte0 = tokenizer.piece_id("<0x00>");
  EXPECT_EQ(tokenizer.decode({byte0 + 0xC3, byte0 + 0xA9}), "\u00e9");
  EXPECT_EQ(tokenizer.decode({byte0 + 0xC3}), "\uFFFD");
  EXPECT_EQ(tokenizer.decode({byte0 + 0x41, byte0 + 0xC3}), "\uFFFD\uFFFD");  // the valid byte too: so does transformers
  EXPECT_EQ(tokenizer.decode({byte0 + 0xED, byte0 + 0xA0, byte0 + 0x80}), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_THROW(tokenizer.decode({360}), UserError);
  EXPECT_THROW(tokenizer.decode({-1}), UserError);
}

// What is shown while a text grows must be the beginning of what it becomes: runs of byte pieces, broken ones too, special tokens.
TEST(Tokenizer, AStreamIsTheTextFromItsBeginning) {
  const Tokenizer tokenizer(trained());
  const std::int32_t byte0 = tokenizer.piece_id("<0x00>");
  Rng rng(7, {stable_hash("stream")});
  for (int i = 0; i < 300; ++i) {
    std::vector<std::int32_t> tokens;
    for (std::uint64_t k = rng.below(40); k > 0; --k) {
      if (rng.below(3) == 0) {
        for (const unsigned char byte : std::string("\u65e5\u672c")) tokens.push_back(byte0 + byte);
        if (rng.below(4) == 0) tokens.pop_back();
      } else {
        tokens.push_back(static_cast<std::int32_t>(rng.below(360)));
      }
    }
    StreamDecoder decoder(tokenizer);
    std::string before;
    const std::string whole = tokenizer.decode(tokens);
    for (const std::int32_t token : tokens) {
      decoder.add(token);
      EXPECT_TRUE(decoder.text().starts_with(before) && whole.starts_with(decoder.text())) << i;
      before = decoder.text();
    }
    EXPECT_EQ(std::move(decoder).finish(), whole);
  }
  StreamDecoder decoder(tokenizer);
  for (const std::int32_t token : tokenizer.encode("the river")) decoder.add(token);
  EXPECT_EQ(decoder.text(), "the river") << "nothing waits without need";
}

// Each was compared with all before it: a million tokens took an hour.
TEST(Tokenizer, ManyAddedTokensAreReadAndFoundInTime) {
  const std::string dir = folder("many");
  fs::create_directories(dir);
  fs::copy(trained() + "/tokenizer.model", dir + "/tokenizer.model");
  constexpr int kMany = 100'000;
  std::string tokens;
  for (int i = 0; i < kMany; ++i)
    tokens += concat(i > 0 ? "," : "", "\"", 360 + i, "\":{\"content\":\"<|extra ", 1'000'000 + i, "|>\",\"special\":true}");
  std::ofstream(dir + "/tokenizer_config.json") << "{\"added_tokens_decoder\":{" << tokens << "}}";
  const std::clock_t start = std::clock();
  const Tokenizer tokenizer(dir);
  std::string text;
  for (int i = 0; i < 2000; ++i) text += "<|extra 1099999|> < the";
  const std::vector<std::int32_t> ids = tokenizer.encode(text);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 5);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 360 + kMany - 1), 2000);
  EXPECT_EQ(tokenizer.decode(ids, false), text);
}

TEST(Tokenizer, TrainingIsDeterministicWhateverTheThreads) {
  const std::string again = folder("again");
  train_tokenizer(corpus(), {.vocab_size = 360, .num_threads = 1}, again);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
    EXPECT_EQ(read_file(again + "/" + name), read_file(trained() + "/" + name)) << name;
  }
  // tokenizer.model stores its trainer's settings, the number of threads among them: compared between equal ones.
  train_tokenizer(corpus(), {.vocab_size = 360}, again);
  EXPECT_EQ(read_file(again + "/tokenizer.model"), read_file(trained() + "/tokenizer.model"));
}

TEST(Tokenizer, WritesItsChatTemplate) {
  EXPECT_EQ(ChatTemplate::load(trained()).render({{"user", "Hi"}, {"assistant", "Ho"}}, true),
            "<s><|user|>\nHi<|end|>\n<|assistant|>\nHo<|end|>\n<|assistant|>\n");
}

TEST(Tokenizer, SaysWhatIsWrong) {
  const std::string dir = folder("broken");
  EXPECT_THROW(Tokenizer{dir}, UserError);
  fs::create_directories(dir);
  std::ofstream(dir + "/tokenizer.json") << "{}";
  try {
    Tokenizer tokenizer(dir);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("byte-level BPE tokenizers are not supported yet"), std::string::npos);
  }
  for (const std::string& garbage : {std::string(), std::string("garbage"),
                                     std::string("\x7F"
                                                 "ELF\0\1\2",
                                                 7)}) {
    std::ofstream(dir + "/tokenizer.model", std::ios::binary) << garbage;
    EXPECT_THROW(Tokenizer{dir}, UserError) << garbage.size();
  }
  fs::resize_file(dir + "/tokenizer.model", std::uintmax_t{1} << 30);
  try {
    Tokenizer tokenizer(dir);
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("file too large"), std::string::npos) << error.what();
  }
  EXPECT_THROW(train_tokenizer({}, {}, dir), UserError);
  EXPECT_THROW(train_tokenizer({"too little text"}, {.vocab_size = 4000}, dir), UserError);
}

}  // namespace
}  // namespace longbow::data
