// WordNet's reader: facts of the installed dictionary, and small broken dictionaries.
#include "data/corpus/wordnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/errors.h"
#include "data/corpus/corpus.h"

namespace longbow::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const Corpus& corpus() {
  static const Corpus one(WordNet::load());
  return one;
}

TEST(WordNet, KnowsWhatIsA) {
  const WordNet& wordnet = corpus().wordnet();
  const struct {
    const char* word;
    const char* ancestor;
    bool expected;
  } cases[] = {
      {"salmon", "fish", true},  {"salmon", "animal", true},   {"salmon", "bird", false}, {"oak", "tree", true},
      {"fish", "salmon", false}, {"violin", "artifact", true}, {"poodle", "dog", true},   {"poodle", "cat", false},
  };
  for (const auto& test : cases) {
    const std::vector<std::int32_t>& ancestors = wordnet.noun_senses(test.ancestor);
    const bool found =
        std::any_of(ancestors.begin(), ancestors.end(), [&](std::int32_t ancestor) { return wordnet.any_sense_is_a(test.word, ancestor); });
    EXPECT_EQ(found, test.expected) << test.word << " is a " << test.ancestor;
  }
  EXPECT_TRUE(wordnet.noun_senses("qwertyuiop").empty());
}

TEST(WordNet, SeparatesDefinitionsFromExamples) {
  const WordNet& wordnet = corpus().wordnet();
  const WordNet::Synset& dog = wordnet.synsets()[wordnet.noun_senses("dog").front()];
  EXPECT_THAT(dog.definition, AllOf(HasSubstr("a member of the genus Canis"), Not(HasSubstr("\""))));
  ASSERT_EQ(dog.examples.size(), 1u);
  EXPECT_EQ(dog.examples[0], "the dog barked all night");
}

TEST(Corpus, EveryMemberIsOfItsCategoryAndHidesItsName) {
  EXPECT_EQ(corpus().categories().size(), 20u);
  for (const Category& category : corpus().categories()) {
    EXPECT_GE(category.members.size(), 8u) << category.word;
    for (const std::string& member : category.members) {
      EXPECT_TRUE(corpus().wordnet().any_sense_is_a(member, category.synset)) << member;
      EXPECT_EQ(member.find(category.word), std::string::npos) << member;
    }
  }
}

TEST(Corpus, SplitsNamesWithoutOverlap) {
  const std::set<std::string> train(corpus().names(Split::train).begin(), corpus().names(Split::train).end());
  EXPECT_GT(train.size(), 1000u);
  EXPECT_GT(corpus().names(Split::heldout).size(), 300u);
  for (const std::string& name : corpus().names(Split::heldout)) EXPECT_EQ(train.count(name), 0u) << name;
  for (const std::string& name : train) EXPECT_EQ(split_of(name), Split::train);
}

TEST(Corpus, FillerHoldsNoNameNumberOrInnerSentenceEnd) {
  EXPECT_GT(corpus().filler().size(), 50000u);
  for (const std::string& sentence : corpus().filler()) {
    ASSERT_EQ(sentence.back(), '.');
    const auto bad = [](char c) {
      return std::isupper(static_cast<unsigned char>(c)) || std::isdigit(static_cast<unsigned char>(c)) || c == '.' || c == '?';
    };
    ASSERT_TRUE(std::none_of(sentence.begin() + 1, sentence.end() - 1, bad)) << sentence;
  }
}

class SmallWordNet : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* test = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    dir_ = std::filesystem::path(::testing::TempDir()) / concat("longbow_wordnet_", test, "_", ::getpid());
    std::filesystem::create_directories(dir_);
    for (const char* part : {"data.verb", "data.adj", "data.adv"}) write(part, "  1 licence\n");
    write("data.noun", kNouns);
    write("index.noun", kIndex);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const char* name, const std::string& text) { std::ofstream(dir_ / name) << text; }
  std::string error() {
    try {
      WordNet::load(dir_.string());
    } catch (const UserError& error) {
      hint_ = error.hint();
      return error.what();
    }
    return "";
  }

  static constexpr const char* kNouns =
      "  1 licence\n"
      "00000010 05 n 01 animal 0 000 | a living thing; \"animals move\"  \n"
      "00000020 05 n 02 fish 0 sea_fish 0 001 @ 00000010 n 0000 | swims  \n";
  static constexpr const char* kIndex = "animal n 1 0 1 0 00000010  \nfish n 1 1 @ 1 0 00000020  \n";
  std::filesystem::path dir_;
  std::string hint_;
};

TEST_F(SmallWordNet, IsRead) {
  const WordNet wordnet = WordNet::load(dir_.string());
  ASSERT_EQ(wordnet.synsets().size(), 2u);
  EXPECT_TRUE(wordnet.is_a(1, 0));
  EXPECT_FALSE(wordnet.is_a(0, 1));
  EXPECT_EQ(wordnet.synsets()[0].definition, "a living thing");
}

TEST_F(SmallWordNet, MissingFileSaysWhatToInstall) {
  std::filesystem::remove(dir_ / "index.noun");
  EXPECT_THAT(error(), HasSubstr("index.noun"));
  EXPECT_THAT(hint_, HasSubstr("wordnet-base"));
}

TEST_F(SmallWordNet, BrokenLinesAreNamed) {
  const struct {
    const char* file;
    const char* line;
    const char* expected;
  } cases[] = {
      {"data.noun", "00000030 05 n 01 cat 0 000", "expected a gloss"},
      {"data.noun", "0000003x 05 n 01 cat 0 000 | g", "expected a synset offset, got \"0000003x\""},
      {"data.noun", "00000030 05 n 02 cat 0 000 | g", "expected a"},
      {"data.noun", "00000030 05 n 01 cat 0 002 @ 00000010 n 0000 | g", "expected a pointer symbol, got the end of the line"},
      {"data.noun", "00000030 05 n 01 cat 0 001 @ 00000077 n 0000 | g", "expected a hypernym among the nouns, got offset 77"},
      {"index.noun", "cat n 1 0 1 0 00000077", "expected a synset of data.noun, got offset 77"},
      {"index.noun", "cat n 9 0 1 0 00000010", "expected a synset offset, got the end of the line"},
  };
  for (const auto& test : cases) {
    const bool is_data = std::string_view(test.file) == "data.noun";
    write("data.noun", kNouns);
    write("index.noun", kIndex);
    write(test.file, std::string(is_data ? kNouns : kIndex) + test.line + "\n");
    EXPECT_THAT(error(), AllOf(HasSubstr(test.expected), HasSubstr(std::string(test.file) + (is_data ? ":4" : ":3")))) << test.line;
  }
}

TEST_F(SmallWordNet, BrokenLinesAreSkippedWhereToldTo) {
  const std::string fish = "00000020 05 n 02 fish 0 sea_fish 0 001 @ 00000010 n 0000 | swims  \n";
  const struct {
    std::string nouns, index;
    std::size_t num_synsets, num_senses;  // of fish
    bool fish_is_animal;
  } cases[] = {
      {concat(kNouns, "00000030 05 n 01 cat 0 000\n", std::string(1, '\0'), "\xff\xfe\n"), kIndex, 2, 1, true},
      {concat(kNouns, "00000030 05 n 01 cat 0 001 @ 00000077 n 0000 | g\n"), kIndex, 3, 1, true},  // known, but a kind of nothing
      {concat("00000010 05 n zz animal\n", fish), "animal n 1 0 1 0 00000010\nfish n 1 1 @ 1 0 00000020\n", 1, 1, false},
      {kNouns, concat(kIndex, "fish n 1 0 1 0 00000077\nfish n 9 0 1 0 00000010\n"), 2, 1, true},  // nothing of a bad line stays
  };
  for (const auto& test : cases) {
    write("data.noun", test.nouns);
    write("index.noun", test.index);
    EXPECT_NE(error(), "");
    EXPECT_THAT(hint_, HasSubstr("--skip-bad-lines"));
    const WordNet wordnet = WordNet::load(dir_.string(), true);
    EXPECT_EQ(wordnet.synsets().size(), test.num_synsets) << test.nouns;
    EXPECT_EQ(wordnet.noun_senses("fish").size(), test.num_senses) << test.nouns;
    EXPECT_EQ(wordnet.any_sense_is_a("fish", 0), true) << test.nouns;
    EXPECT_EQ(test.num_synsets > 1 && wordnet.is_a(1, 0), test.fish_is_animal) << test.nouns;
  }
  write("data.noun", "nothing of use\n");
  EXPECT_THROW(WordNet::load(dir_.string(), true), UserError) << "nothing is left";
}

TEST_F(SmallWordNet, CircularGraphEnds) {
  write("data.noun",
        "00000010 05 n 01 a 0 001 @ 00000020 n 0000 | g\n"
        "00000020 05 n 01 b 0 001 @ 00000010 n 0000 | g\n");
  write("index.noun", "a n 1 0 1 0 00000010\n");
  EXPECT_FALSE(WordNet::load(dir_.string()).is_a(0, 7));
}

TEST_F(SmallWordNet, GraphWithManyWaysToTheTopEnds) {
  std::string nouns;
  constexpr int kLevels = 40;  // two ways up at each: 2^39 ways to the top
  const auto offset = [](int level, int side) { return std::to_string(10000000 + 2 * level + side); };
  for (int level = 0; level < kLevels; ++level) {
    for (const int side : {0, 1}) {
      nouns += offset(level, side) + " 05 n 01 w" + offset(level, side) + " 0 ";
      nouns += level == 0 ? "000" : "002 @ " + offset(level - 1, 0) + " n 0000 @ " + offset(level - 1, 1) + " n 0000";
      nouns += " | gloss\n";
    }
  }
  write("data.noun", nouns);
  write("index.noun", "");
  const WordNet wordnet = WordNet::load(dir_.string());
  EXPECT_TRUE(wordnet.is_a(2 * kLevels - 1, 0));
  EXPECT_FALSE(wordnet.is_a(0, 2 * kLevels - 1));
  EXPECT_FALSE(wordnet.is_a(2 * kLevels - 1, 2 * kLevels - 2));
}

TEST(Corpus, InventedNamesAreNewTrainNamesInTheShapeOfTheOthers) {
  Corpus more(WordNet::load()), again(WordNet::load());
  const std::size_t given = more.names(Split::train).size();
  more.invent_names(500, 3);
  again.invent_names(500, 3);
  const std::vector<std::string>& names = more.names(Split::train);
  EXPECT_EQ(names.size(), given + 500);
  EXPECT_EQ(names, again.names(Split::train));
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
  EXPECT_EQ(more.names(Split::heldout), corpus().names(Split::heldout));
  for (std::size_t i = given; i < names.size(); ++i) {
    EXPECT_EQ(split_of(names[i]), Split::train) << names[i];
    EXPECT_TRUE(names[i].size() >= 4 && names[i].size() <= 8) << names[i];
  }
}

}  // namespace
}  // namespace longbow::data
