// Corpora: prose into sentences, which sentences may be filler, every kind of file, and every way in which one can be broken.
#include "data/corpus/text_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/corpus/corpus.h"
#include "data/corpus/sentences.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Prose, IsSplitAtSentenceEndsOnly) {
  const struct {
    const char* text;
    std::vector<std::string> expected;
  } cases[] = {
      {"One is here. Two is\nthere!  Is three? Yes.", {"One is here.", "Two is there!", "Is three?", "Yes."}},
      {"Dr. Smith met J. R. Hart at 5 p.m. on the coast. They left.", {"Dr. Smith met J. R. Hart at 5 p.m. on the coast.", "They left."}},
      {"He said \"Go.\" Then he went. (So did she.) End", {"He said \"Go.\"", "Then he went.", "(So did she.)", "End"}},
      {"Version 2.5 is out. The U.S. Navy has it, e.g. on ships.", {"Version 2.5 is out.", "The U.S. Navy has it, e.g. on ships."}},
      {"A heading\n\nA paragraph.\n\n\nAnother", {"A heading", "A paragraph.", "Another"}},
      {"Il est là. Évidemment.", {"Il est là.", "Évidemment."}},
      {"no capital. follows here", {"no capital. follows here"}},
      {"", {}},
      {" \n\n ", {}},
      {"...", {"..."}},
  };
  for (const auto& test : cases) EXPECT_EQ(split_prose(test.text), test.expected) << test.text;
}

TEST(Filler, TakesWholePlainSentences) {
  const struct {
    const char* sentence;
    const char* expected;
  } cases[] = {
      {"The sea was calm that evening.", "The sea was calm that evening."},
      {"Is the sea ever calm?", "Is the sea ever calm."},
      {"To blind by a {red-hot} metal plate [R.] held before the *eyes*.", "To blind by a red-hot metal plate held before the eyes."},
      {"Le café était fermé.", "Le café était fermé."},
      {"The caf\xE9 was closed all day.", ""},
      {"The caf\xC3\xA9 was closed all day.", "The café was closed all day."},
      {"The sea was calm in 1931.", ""},
      {"Ge1:1 In the beginning was the sea.", "In the beginning was the sea."},
      {"2Ki12:3 And the sea was calm.", "And the sea was calm."},
      {"12 And the sea was calm.", "And the sea was calm."},
      {"1931 was a calm year at sea.", ""},
      {"Ge1:1 12 And the sea was calm.", ""},
      {"He met Dr. Hart by the sea.", ""},
      {"the sea was calm that evening.", ""},
      {"The Sea And Its Shores", ""},
      {"Too short.", ""},
      {"Unclosed (brackets are not whole.", ""},
      {"Unclosed [notes swallow the rest of it.", ""},
      {"The offensive began at dawn.", ""},
      {"Code like a = b is not prose.", ""},
  };
  for (const auto& test : cases) EXPECT_EQ(filler_from_prose(test.sentence), test.expected) << test.sentence;
  EXPECT_EQ(filler_from_prose("The " + std::string(400, 'a') + " was long."), "");
}

TEST(Text, IsUtf8WithoutControlCharacters) {
  const struct {
    const char* text;
    std::size_t first_bad;
  } cases[] = {
      {"a\tb", std::string::npos},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", std::string::npos},
      {"a\x01", 1},
      {"a\x80", 1},
      {"a\xC3", 1},
      {"\xC0\x80", 0},
      {"\xE0\x9F\xBF", 0},
      {"\xED\xA0\x80", 0},
      {"\xF0\x8F\xBF\xBF", 0},
      {"\xF4\x90\x80\x80", 0},
      {"\xE2\x82 ", 0},
  };
  for (const auto& test : cases) EXPECT_EQ(first_bad_byte(test.text), test.first_bad) << test.text;
}

// `count` different sentences, `first` on.
std::string sentences(int first, int count) {
  std::string text;
  for (int i = first; i < first + count; ++i) {
    std::string word;
    for (int rest = i + 26; rest > 0; rest /= 26) word += static_cast<char>('a' + rest % 26);
    text += "The ship " + word + " left the harbour.\n";
  }
  return text;
}

// dictd's number.
std::string base64(std::int64_t value) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text(1, kDigits[static_cast<std::size_t>(value % 64)]);
  for (value /= 64; value > 0; value /= 64) text.insert(text.begin(), kDigits[static_cast<std::size_t>(value % 64)]);
  return text;
}

class TextSourceTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    const std::string path = folder_.file(name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    write_file_atomically(path, text);
  }
  TextCollection load(const std::string& name = "") {
    source_.path = {folder_.file(name)};
    return load_text(source_);
  }
  std::string error(const std::string& name = "") {
    try {
      load(name);
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  testing::TemporaryFolder folder_;
  TextSource source_;
};

TEST_F(TextSourceTest, ReadsAFolderOfEveryKind) {
  write("a.txt.gz", sentences(0, 60) + sentences(10, 5));
  write("sub/b.md.zst", "# The heading is no prose.\n" + sentences(60, 60) + "| A table | is none. |\n```\n");
  write("marked.txt", "\xEF\xBB\xBFThe first sentence behind a mark.\r\n");
  write("packed.index.gz", "no dictionary");
  write("c.jsonl", R"({"text":"The first row says this. The second sentence too."})"
                   "\n\n"
                   R"({"text":"The last row is here."})"
                   "\n");
  write("ignored.bin", std::string(10, '\0'));
  const TextCollection texts = load();
  EXPECT_EQ(texts.num_files, 4);
  EXPECT_EQ(texts.sentences.size(), 124u) << "each sentence once";
  EXPECT_THAT(texts.sentences, Contains("The first sentence behind a mark."));
  EXPECT_THAT(texts.sentences, Contains("The second sentence too."));
  EXPECT_THAT(texts.sentences, Not(Contains(HasSubstr("heading"))));
  EXPECT_EQ(load().sentences, texts.sentences);
}

TEST_F(TextSourceTest, ReadsDictionaries) {
  const std::string article = "Harbour. " + sentences(0, 120), note = "00-database-info\n  The notes are no article.\n";
  for (const char* ending : {".dict", ".dict.dz"}) {
    write("d.dict.gz", note + article);
    if (std::string_view(ending) == ".dict") write("d.dict", note + article);
    if (std::string_view(ending) == ".dict.dz") std::filesystem::rename(folder_.file("d.dict.gz"), folder_.file("d.dict.dz"));
    const std::string place =
        "\t" + base64(static_cast<std::int64_t>(note.size())) + "\t" + base64(static_cast<std::int64_t>(article.size()));
    write("d.index",
          "00-database-info\tA\t" + base64(static_cast<std::int64_t>(note.size())) + "\nharbor" + place + "\nharbour" + place + "\n");
    const TextCollection texts = load("d.index");
    EXPECT_EQ(texts.sentences.size(), 119u) << "the first line is the headword's";
    EXPECT_THAT(texts.sentences, Not(Contains(HasSubstr("notes"))));
  }
}

TEST_F(TextSourceTest, BadInputIsNamedOrCounted) {
  const std::string good = sentences(0, 120);
  const struct {
    const char* name;
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"a.txt", "Fine.\nNot \xFF fine.\n" + good, "a.txt:2: expected UTF-8 text, got the byte 255"},
      {"b.txt", "Fine.\n" + std::string("\0ELF", 4) + "\n" + good, "b.txt:2: expected UTF-8 text, got the byte 0"},
      {"c.txt", "Cut \xE2\x82\n" + good, "c.txt:1: expected UTF-8 text, got the byte 226"},
      {"d.jsonl", "{\"text\":\n{\"text\":\"" + sentences(0, 1) + "\"}", "d.jsonl:1: expected a row of JSON, got row:1:9"},
      {"e.jsonl", "{\"body\":\"x\"}\n", "e.jsonl:1: expected \"text\" to be a string, got nothing"},
      {"f.jsonl", "{\"text\":7}\n", "f.jsonl:1: expected \"text\" to be a string, got integer"},
      {"h.index", "harbour\tA\n", "h.index:1: expected a headword, an offset and a length"},
      {"h.index", "harbour\tA\t?\n", "h.index:1: expected an article within"},
      {"h.index", "harbour\tzzzz\tB\n", "h.index:1: expected an article within"},
      {"h.index", "harbour\tA\tzzzzzzz\n", "h.index:1: expected an article within"},
      {"h.index", "harbour\tzzzzzzzzzzz\tA\n", "got no numbers of base 64"},
  };
  write("h.dict", good);
  for (const auto& test : cases) {
    write(test.name, test.bytes);
    source_.skip_bad_lines = false;
    EXPECT_THAT(error(test.name), HasSubstr(test.expected)) << test.name;
    source_.skip_bad_lines = true;
    if (std::string_view(test.name).ends_with(".txt")) {
      const TextCollection texts = load(test.name);
      EXPECT_EQ(texts.num_skipped, 1) << test.name;
      EXPECT_GE(texts.sentences.size(), 119u) << test.name;
    } else {
      EXPECT_THAT(error(test.name), HasSubstr("expected at least 100 sentences")) << test.name;
    }
  }
}

TEST_F(TextSourceTest, ADictionaryThatIsCutShortEndsWhereItBreaks) {
  std::string articles, index;
  for (int i = 0; i < 2000; ++i) {
    const std::string article = concat("w", i, "\n  ", sentences(i, 1));
    index += concat("w", i, "\t", base64(static_cast<std::int64_t>(articles.size())), "\t",
                    base64(static_cast<std::int64_t>(article.size())), "\n");
    articles += article;
  }
  write("d.dict.gz", articles);
  std::filesystem::rename(folder_.file("d.dict.gz"), folder_.file("d.dict.dz"));
  std::filesystem::resize_file(folder_.file("d.dict.dz"), std::filesystem::file_size(folder_.file("d.dict.dz")) / 2);
  write("d.index", index);
  EXPECT_THAT(error("d.index"), HasSubstr("corpus: truncated: expected more compressed data, got the end of the file ("));
  source_.skip_bad_lines = true;
  const TextCollection texts = load("d.index");
  EXPECT_GT(texts.sentences.size(), 100u);
  EXPECT_EQ(texts.num_skipped, 1 + 2000 - static_cast<std::int64_t>(texts.sentences.size())) << "the cut, and each article behind it";
}

// 200,000 lines that name nearly the same 0.8 MB each: 160 GB, had all of it to be read.
TEST_F(TextSourceTest, AnIndexThatNamesTheSameBytesAgainAndAgainIsBounded) {
  source_.max_mib = 1;
  const std::string text = sentences(0, 25000);
  std::string index;
  for (int i = 0; i < 200000; ++i) {
    index += concat("w\t", base64(i), "\t", base64(static_cast<std::int64_t>(text.size()) - i), "\n");
  }
  write("h.dict", text);
  write("h.index", index);
  EXPECT_GT(load("h.index").sentences.size(), 24000u);
}

TEST_F(TextSourceTest, WhatIsNoCorpusIsRefused) {
  EXPECT_THAT(error("missing.txt"), HasSubstr("missing.txt"));
  EXPECT_THAT(error(), HasSubstr("expected at least 100 sentences fit to be filler, got 0 from 0 files"));
  write("empty.txt", "");
  EXPECT_THAT(error("empty.txt"), HasSubstr("got 0 from 1 files"));
  write("a.pdf", "x");
  EXPECT_THAT(error("a.pdf"), HasSubstr("expected a folder, .txt"));
  write("alone.index", "a\tA\tA\n");
  EXPECT_THAT(error("alone.index"), HasSubstr("alone.dict.dz beside its index"));
}

TEST_F(TextSourceTest, ReadingStopsAtTheBound) {
  source_.max_mib = 1;
  for (const char* name : {"a.txt", "b.txt", "c.txt"}) write(name, sentences(name[0] * 100000, 20000));
  const TextCollection texts = load();
  EXPECT_LT(texts.num_files, 3);
  EXPECT_GT(texts.sentences.size(), 20000u);
}

TEST_F(TextSourceTest, FillsACorpusInPlaceOfDefinitions) {
  write("a.txt", sentences(0, 200));
  const WordNet wordnet = WordNet::load();
  const Corpus own(wordnet, load("a.txt")), definitions(wordnet);
  EXPECT_EQ(own.filler().size(), 200u);
  EXPECT_EQ(own.names(Split::train), definitions.names(Split::train));
  EXPECT_NE(own.digest(), definitions.digest());
}

}  // namespace
}  // namespace longbow::data
