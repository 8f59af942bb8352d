// The checkers against texts written by hand, where the answer is known without any builder.
#include "data/tasks/reading.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "data/tasks/phrase.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Reading read(const std::string& task, const std::string& context, const std::string& question, std::vector<std::string> chain = {"x"}) {
  Item item;
  item.task = task;
  item.messages = {{"user", context + "\n\nQuestion: " + question}};
  item.question = question;
  item.answer.answers = {"x"};
  item.gold_chain = std::move(chain);
  item.difficulty["max_value"] = 20;
  return read_item(item, test_corpus());
}

TEST(ReadFuzzyNeedle, FindsWhoeverTheLexiconMakesAnAnswer) {
  const struct {
    const char* context;
    std::vector<std::string> answers;
  } cases[] = {
      {"A stone. Aaron noticed a salmon. Baum noticed a sparrow.", {"Aaron"}},
      {"Aaron noticed a salmon. Baum caught sight of a trout.", {"Aaron", "Baum"}},  // two answers: not unique
      {"Aaron sketched a salmon. Baum noticed a sparrow.", {}},                      // another verb
      {"Aaron asked who saw a fish. Baum noticed a sparrow.", {}},                   // a decoy is no needle
      {"Aaron noticed a salmon and left.", {}},
  };
  for (const auto& test : cases) EXPECT_EQ(read("fuzzy_needle", test.context, "Who saw a fish?").answers, test.answers) << test.context;
}

TEST(ReadFuzzyNeedle, FollowsTheNeighbour) {
  const Reading reading = read("fuzzy_needle", "Callas is a neighbour of Aaron. Baum is a neighbour of Damon. Aaron noticed a salmon.",
                               "Who lives beside the person who saw a fish?");
  EXPECT_THAT(reading.answers, ElementsAre("Callas"));
  EXPECT_THAT(reading.gold_chain, ElementsAre("A salmon is a fish.", "Aaron noticed a salmon.", "Callas is a neighbour of Aaron."));
  ASSERT_EQ(reading.evidence.size(), 2u);
  EXPECT_EQ(reading.evidence[1].start, 0);
  EXPECT_THAT(reading.guesses, ElementsAre("Baum", "Callas"));
}

TEST(ReadFuzzyNeedle, WhatMayPassForTheCategoryIsAProblem) {
  const struct {
    const char* needle;
    const char* question;
    const char* problem;  // empty: nobody would call it that
  } cases[] = {
      {"Baum noticed a tomato.", "Who saw a fruit?", "a tomato may pass for a fruit"},  // "pulpy fruit eaten as a vegetable"
      {"Baum noticed a bonnet.", "Name the person who saw a garment.", "a bonnet may pass for a garment"},
      {"Baum noticed a sandal.", "Which person saw a garment?", "a sandal may pass for a garment"},
      {"Baum noticed a chisel.", "Tell me who saw an instrument.", "a chisel may pass for an instrument"},
      {"Baum noticed an onion.", "Who saw a fruit?", ""},
      {"Baum noticed a sword.", "Who saw a garment?", ""},
  };
  for (const auto& test : cases) {
    const Reading reading = read("fuzzy_needle", test.needle, test.question);
    EXPECT_EQ(reading.problem, test.problem) << test.needle;
    EXPECT_EQ(reading.answers.empty(), std::string_view(test.problem).empty());
  }
}

TEST(ReadFuzzyNeedle, SharedWordsAreAProblem) {
  EXPECT_THAT(read("fuzzy_needle", "Aaron noticed a goldfish.", "Who saw a fish?").problem, HasSubstr("goldfish"));
}

TEST(ReadKeyChain, FollowsKeysToTheCode) {
  const Reading reading =
      read("key_chain",
           "The code of Baum is 2222. Key b2 asks: what is the code of Aaron? The key a1 points to the key b2. "
           "The code of Aaron is 1111. Key c3 asks: what is the code of Baum?",
           "Follow the keys from a1 until one hides a question. What code answers it?", {"a1 b2.", "The code of Aaron is 1111."});
  EXPECT_EQ(reading.problem, "");
  EXPECT_THAT(reading.answers, ElementsAre("1111"));
  EXPECT_THAT(reading.gold_chain,
              ElementsAre("The key a1 points to the key b2.", "Key b2 asks: what is the code of Aaron?", "The code of Aaron is 1111."));
  EXPECT_EQ(reading.oracle_answer, "1111");
  EXPECT_EQ(reading.evidence.size(), 3u);
  EXPECT_THAT(reading.guesses, ElementsAre("1111", "2222"));
}

TEST(ReadKeyChain, BrokenChainsAreProblems) {
  const std::string question = "Follow the keys from a1 until one hides a question. What code answers it?";
  const struct {
    const char* context;
    const char* problem;
  } cases[] = {
      {"The key a1 points to the key b2. Key a1 leads to key c3.", "leads to two places"},
      {"The key a1 points to the key b2. Key b2 leads to key a1.", "circle"},
      {"Key a1 asks: what is the code of Aaron? The code of Aaron is 11. The code of Baum is 4112.", "another code holds the answer"},
  };
  for (const auto& test : cases) EXPECT_THAT(read("key_chain", test.context, question).problem, HasSubstr(test.problem)) << test.context;
  EXPECT_THAT(read("key_chain", "The key a1 points to the key b2.", question).answers, IsEmpty());
}

TEST(ReadLongMath, Computes) {
  const struct {
    const char* context;
    const char* answer;
  } cases[] = {
      {"Dorwin has 4 more pears than Marlow. Marlow has 3 pears.", "7"},
      {"Marlow has 9 pears. Dorwin has 4 fewer pears than Marlow.", "5"},
      {"Marlow has 3 pears. Dorwin has twice as many pears as Marlow.", "6"},
      {"Marlow has 3 pears. Dorwin has three times as many pears as Marlow.", "9"},
      {"Marlow has 3 pears. Kessel has 2 more pears than Marlow. Dorwin has as many pears as Kessel and Marlow together.", "8"},
      {"Marlow has 3 pears. Marlow has 5 coins. Dorwin has 4 more pears than Marlow. Dorwin is 90 years old.", "7"},
  };
  for (const auto& test : cases) {
    const Reading reading = read("long_math", test.context, "How many pears does Dorwin have?");
    EXPECT_EQ(reading.problem, "") << test.context;
    EXPECT_THAT(reading.answers, ElementsAre(test.answer)) << test.context;
  }
}

TEST(ReadLongMath, ChainIsInOrderOfComputation) {
  const Reading reading =
      read("long_math", "Kessel has 2 fewer pears than Dorwin. Dorwin has 4 more pears than Marlow. Marlow has 3 pears.",
           "How many pears does Kessel have?");
  EXPECT_THAT(reading.gold_chain, ElementsAre("Marlow has 3.", "Dorwin has 3 + 4 = 7.", "Kessel has 7 - 2 = 5."));
  EXPECT_EQ(reading.evidence[0].end, 94);
}

TEST(ReadLongMath, GapsAndContradictionsAreFound) {
  const std::string question = "How many pears does Dorwin have?";
  EXPECT_THAT(read("long_math", "Dorwin has 4 more pears than Marlow.", question).answers, IsEmpty());
  EXPECT_THAT(read("long_math", "Dorwin has 4 more pears than Dorwin.", question).answers, IsEmpty());
  EXPECT_THAT(read("long_math", "Dorwin has 4 pears. Dorwin has 5 pears.", question).problem, HasSubstr("twice"));
  EXPECT_THAT(read("long_math", "Marlow has 3 pears. Kessel has 4 pears.", "How many pears has Dorwin?").problem, HasSubstr("question"));
}

TEST(ReadItem, ForeignTasksAreRefused) { EXPECT_THROW(read("key_chains", "c", "q"), UserError); }

TEST(Phrase, MatchesWholeSentencesOnly) {
  EXPECT_TRUE(match("The key a1 points to the key b2.", "The key {} points to the key {}."));
  EXPECT_FALSE(match("The key a1 points to the key b2. So", "The key {} points to the key {}."));
  EXPECT_FALSE(match("The key  points to the key b2.", "The key {} points to the key {}."));
  EXPECT_FALSE(match("", "{}"));
  EXPECT_EQ(fill("{} has {}.", {"A", "3"}), "A has 3.");
}

TEST(Phrase, SplitsSentencesWithTheirBytes) {
  const std::string text = " One.  Two, 3.5 there? Three";
  std::vector<std::string> found;
  for (const Sentence& sentence : split_sentences(text)) {
    found.emplace_back(sentence.text);
    EXPECT_EQ(text.substr(sentence.span.start, sentence.span.end - sentence.span.start), sentence.text);
  }
  EXPECT_THAT(found, ElementsAre("One.", "Two, 3.5 there?", "Three"));
}

TEST(Phrase, NumbersAreNoPartsOfWords) {
  std::vector<std::string> found;
  for (const Sentence& number : find_numbers("4821 4f2a 9x x9 12.")) found.emplace_back(number.text);
  EXPECT_THAT(found, ElementsAre("4821", "12"));
}

}  // namespace
}  // namespace longbow::data
