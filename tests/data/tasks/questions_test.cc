// Tasks over the user's own questions: every gate holds, the splits share no question, and tampering is seen.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/atomic_file.h"
#include "core/errors.h"
#include "data/dataset.h"
#include "data/tasks/build.h"
#include "data/tasks/check.h"
#include "data/tasks/user_question.h"
#include "tests/core/temporary_folder.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

constexpr const char* kKinds[] = {"film", "opera", "play", "documentary"};
constexpr const char* kTrades[] = {"painter", "singer", "soldier", "engineer"};
constexpr const char* kMonths[] = {"January", "March", "May", "July", "August", "October"};

/// A word of its own for each number.
std::string word_of(int number) {
  std::string word(1, static_cast<char>('A' + number % 26));
  for (int rest = number + 26; rest > 0; rest /= 26) word += std::string(1, static_cast<char>('a' + rest % 26)) + "o";
  return word;
}

/// Rows of 2WikiMultihopQA: when a film's director was born.
std::string wiki_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    const std::string work = "Red " + word_of(i), person = "Tom " + word_of(1000 + i);
    const std::string date = concat(1 + i % 28, " ", kMonths[i % 6], " ", 1800 + i);
    rows += concat(R"({"_id":"q)", i, R"(","type":"compositional","question":"When was the director of )", work, R"( born?","answer":")",
                   date, R"(","context":[[")", work, R"(",[")", work, " is an early ", kKinds[i % 4],
                   R"( about the sea.","It was directed by )", person, R"(."]],[")", person, R"(",[")", person, " was a ",
                   kTrades[i / 4 % 4], R"( of the north.","He was born on )", date, R"(."]],["Padding )", i,
                   R"(",["Nothing of note."]]],"supporting_facts":[[")", work, R"(",1],[")", person, R"(",1]],"evidences":[[")", work,
                   R"(","director",")", person, R"("],[")", person, R"(","date of birth",")", date, "\"]]}\n");
  }
  return rows;
}

/// verl's rows of word problems.
std::string math_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    const std::string person = word_of(2000 + i);
    const int first = 11 + i % 20, second = 12 + i % 17;
    rows += concat(R"({"data_source":"sums","prompt":[{"role":"user","content":")", person, " has ", first, " apples. ", person, " buys ",
                   second, " more at the fair. It is a fine day. How many apples does ", person,
                   R"( have now?"}],"reward_model":{"ground_truth":")", first + second, R"("},"extra_info":{"index":)", i, "}}\n");
  }
  return rows;
}

struct Case {
  const char* task;
  const char* knobs;
  bool is_math;
};

class Questions : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override { write_file_atomically(path(), GetParam().is_math ? math_rows(200) : wiki_rows(200)); }
  std::string path() const { return folder_.file("questions.jsonl"); }
  std::string out() const { return folder_.file("set"); }
  std::string entry(const std::string& split, int count) const {
    return concat(R"({"task":")", GetParam().task, R"(","split":")", split, R"(","count":)", count,
                  R"(,"max_tokens":1024,"questions":{"path":[")", path(), R"("],"heldout_share":0.3})", GetParam().knobs, "}");
  }
  Json build(int count) {
    const std::string recipe =
        concat(R"({"seed":5,"chars_per_token":4,"tasks":[)", entry("train", count), ",", entry("heldout", count / 2), "]}");
    return build_dataset(read_dataset_recipe(parse_json(recipe, "test"), "test"), {out(), 1, {}, &test_corpus()});
  }
  Item item() const { return item_of(entry("train", 1)); }

  testing::TemporaryFolder folder_;
};
INSTANTIATE_TEST_SUITE_P(Tasks, Questions,
                         ::testing::Values(Case{"key_chain", R"(,"num_chains":4,"keys_per_chain":2)", false}, Case{"long_math", "", true},
                                           Case{"fuzzy_needle", R"(,"num_distractors":5)", false}),
                         [](const auto& info) { return info.param.task; });

TEST_P(Questions, PassEveryGateAndSplitsShareNone) {
  const Json manifest = build(40);
  EXPECT_EQ(manifest.at("files").as_array()[0].at("questions").at("read").as_integer(), 200);
  const CheckReport report = check_dataset(out(), {"", {}, 1, &test_corpus()});
  EXPECT_TRUE(report.failures.empty()) << report.json.at("failures").dump(2);
  std::set<std::string> train, heldout;
  for (const auto& [split, ids] : {std::pair{"", &train}, {"heldout/", &heldout}}) {
    for (const Item& item : read_items(concat(out(), "/", split, GetParam().task, ".jsonl"))) {
      ids->insert(item.difficulty.at("question_id").as_string());
    }
  }
  EXPECT_GE(train.size(), 39u) << "a question comes again only when all were asked";
  EXPECT_GE(heldout.size(), 19u);
  for (const std::string& id : heldout) EXPECT_EQ(train.count(id), 0u) << id;
}

TEST_P(Questions, TextHoldsTheEvidenceAndTheLengthIsMet) {
  const Item one = item();
  EXPECT_LE(one.num_tokens, 1024);
  EXPECT_GE(one.num_tokens, 1003);
  EXPECT_EQ(one.gold_chain.back(), "Its answer is " + one.answer.answers[0] + ".");
  const std::string& content = one.messages[0].content;
  for (std::size_t i = 0; i < one.evidence.size(); ++i) {
    EXPECT_EQ(content.substr(one.evidence[i].start, one.evidence[i].end - one.evidence[i].start), one.gold_chain[i]);
  }
  const Reading reading = read_item(one, test_corpus());
  EXPECT_EQ(reading.problem, "");
  EXPECT_EQ(reading.answers.size(), 1u);
  EXPECT_EQ(reading.oracle_answer, one.answer.answers[0]);
  EXPECT_EQ(static_cast<std::int64_t>(reading.guesses.size()), one.difficulty.at("num_candidates").as_integer());
}

TEST_P(Questions, TamperingIsSeen) {
  const Item whole = item();
  const std::string& gold = whole.answer.answers[0];
  const auto problem = [&](const auto& tamper) {
    Item one = whole;
    tamper(one);
    const Reading reading = read_item(one, test_corpus());
    return !reading.problem.empty() || reading.answers.size() != 1 || reading.gold_chain != one.gold_chain;
  };
  const auto replace = [](Item& one, const std::string& from, const std::string& to) {
    std::string& content = one.messages[0].content;
    const std::size_t at = content.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    content.replace(at, from.size(), to);
  };
  EXPECT_FALSE(problem([](Item&) {}));
  EXPECT_TRUE(problem([&](Item& one) { one.messages[0].content.insert(0, "Somebody whispered " + gold + ". "); }))
      << "the answer in the padding";
  EXPECT_TRUE(problem([&](Item& one) { one.messages[0].content.insert(0, one.gold_chain[0] + " "); })) << "evidence twice";
  for (std::size_t i = 0; i < whole.evidence.size(); ++i) {
    EXPECT_TRUE(problem([&](Item& one) { replace(one, one.gold_chain[i], ""); })) << "evidence " << i << " removed";
  }
  EXPECT_TRUE(problem([&](Item& one) { one.gold_chain.back() = "Its answer is another."; })) << "another answer in the chain";
  EXPECT_TRUE(problem([&](Item& one) { one.gold_chain.erase(one.gold_chain.begin()); })) << "a step less";
}

TEST(QuestionsOfKeyChain, OtherAnswersThatCouldPassForGoldAreSeen) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder.file("q.jsonl"), wiki_rows(60));
  const std::string entry = concat(R"({"task":"key_chain","max_tokens":1024,"num_chains":3,"keys_per_chain":2,"questions":{"path":[")",
                                   folder.file("q.jsonl"), "\"]}}");
  Item item = item_of(entry);
  for (const std::string& passing :
       {item.answer.answers[0], "on " + item.answer.answers[0], item.answer.answers[0].substr(item.answer.answers[0].rfind(' ') + 1)}) {
    Item tampered = item;
    tampered.difficulty["other_answers"].as_array()[0] = passing;
    EXPECT_THAT(read_item(tampered, test_corpus()).problem, HasSubstr("could be taken for")) << passing;
  }
}

// A file that a task can do nothing with is refused at once and by its name, not after hundreds of vain draws.
TEST(QuestionsOfEveryTask, AreRefusedWhereNoneSuits) {
  const struct {
    const char* task;
    const char* needed;
  } cases[] = {
      {"cross_entity", "dates to compare"},
      {"fuzzy_needle", "facts that it can hide"},
      {"long_doc_qa", "questions with paragraphs that hold the answer, where the question does not"},
      {"long_math", "problems of at least 2 sentences with numbers before the one that asks"},
      {"multi_needle", "titles with 4 paragraphs or sentences under them"},
      {"multi_query", "questions with paragraphs that hold a short answer"},
      {"web_search", "walks of several hops that three questions or more have in common"},
  };
  const testing::TemporaryFolder folder;
  write_file_atomically(folder.file("q.jsonl"), R"({"question":"Sort these words: pear, fig, date","answer":"date, fig, pear"})"
                                                "\n"
                                                R"({"question":"What is 17 * 3?","answer":"51"})"
                                                "\n");
  const std::string questions = concat(R"(","questions":{"heldout_share":0,"path":[")", folder.file("q.jsonl"), "\"]}}");
  for (const auto& [task, needed] : cases) {
    try {
      builder_of(concat(R"({"task":")", task, questions));
      ADD_FAILURE() << task;
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr(concat(task, ": expected ", needed, ", got none in 2 questions"))) << task;
    }
  }
}

// Those that do not suit take no draws, but their paragraphs still stand beside the others'.
TEST(QuestionsOfEveryTask, ThatDoNotSuitAreNotDrawn) {
  const testing::TemporaryFolder folder;
  std::string rows = wiki_rows(12);
  for (int i = 0; i < 40; ++i) rows += concat(R"({"id":"n)", i, R"(","question":"What is 17 * )", i, R"(?","answer":")", 17 * i, "\"}\n");
  write_file_atomically(folder.file("q.jsonl"), rows);
  for (const char* task : {"cross_entity", "fuzzy_needle", "long_doc_qa", "multi_query", "web_search"}) {
    const auto builder =
        builder_of(concat(R"({"task":")", task, R"(","questions":{"heldout_share":0,"path":[")", folder.file("q.jsonl"), "\"]}}"));
    EXPECT_EQ(builder->questions().size(), 12u) << task;
  }
}

// "3, 5" would be right for "2, 3, 5" where an answer may be quoted in part.
TEST(QuestionsOfKeyChain, AnswersThatAreWorkedOutMustBeWhole) {
  const struct {
    const char* answer;
    const char* paragraphs;
    const char* reward;
  } cases[] = {
      {"4.0 - 7.0i", "", "math"},
      {"date, fig, pear", "", "exact_match"},
      {"yes", "", "exact_match"},
      {"Anna Bell", R"(,"paragraphs":["The mill was built by Anna Bell."])", "sub_em"},
      {"20 March 851", R"(,"paragraphs":["The mill was built on 20 March 851."])", "sub_em"},
      {"no", R"(,"paragraphs":["The mill was built of stone."])", "exact_match"},
  };
  for (const auto& [answer, paragraphs, reward] : cases) {
    const testing::TemporaryFolder folder;
    std::string rows = concat(R"({"id":"asked","question":"What is it?","answer":")", answer, "\"", paragraphs, "}\n");
    for (int i = 0; i < 30; ++i) rows += concat(R"({"question":"Who was it?","answer":")", word_of(i), "\"}\n");
    write_file_atomically(folder.file("q.jsonl"), rows);
    const auto builder =
        builder_of(concat(R"({"task":"key_chain","max_tokens":600,"num_chains":2,"questions":{"heldout_share":0,"path":[")",
                          folder.file("q.jsonl"), "\"]}}"));
    bool was_asked = false;
    for (std::int64_t index = 0; index < 31; ++index) {
      const auto item = builder->build(1, index, count_quarter_bytes);
      if (!item || item->difficulty.at("question_id") != Json("asked")) continue;
      EXPECT_EQ(item->answer.reward, reward) << answer;
      was_asked = true;
    }
    EXPECT_TRUE(was_asked) << answer;
  }
}

// Where somebody's film was made, in HotpotQA's rows: no triples, and first sentences that tell more than a kind.
std::string hotpot_rows(int count) {
  std::string rows;
  for (int i = 0; i < count; ++i) {
    const std::string work = "Red " + word_of(i), person = "Tom " + word_of(1000 + i), town = "Port " + word_of(3000 + i);
    const std::string kind = kKinds[i % 4], title = concat(work, " (", 1900 + i, ")");
    rows += concat(R"({"_id":"h)", i, R"(","type":"bridge","level":"hard","question":"Where was the )", kind, " by ", person,
                   R"( made?","answer":")", town, R"(","context":[[")", title, R"(",[")", title, " is an early ", kind, " directed by ",
                   person, R"(."," In a cold winter )", work, " was made in ", town, R"( by its crew."]],[")", person, R"(",[")", person,
                   " was a ", kTrades[i / 4 % 4], R"( of the north."]]],"supporting_facts":[[")", title, R"(",1],[")", person, "\",0]]}\n");
  }
  return rows;
}

class SentencesOfFuzzyNeedle : public ::testing::Test {
 protected:
  void SetUp() override { write_file_atomically(folder_.file("q.jsonl"), hotpot_rows(120)); }
  std::string entry() const {
    return concat(R"({"task":"fuzzy_needle","max_tokens":700,"num_distractors":5,"questions":{"heldout_share":0,"path":[")",
                  folder_.file("q.jsonl"), "\"]}}");
  }
  testing::TemporaryFolder folder_;
};

TEST_F(SentencesOfFuzzyNeedle, AskTheGoldSentenceByTheKindOfItsTitle) {
  const auto builder = builder_of(entry());
  EXPECT_EQ(builder->questions().size(), 120u);
  int built = 0, first = 0;
  for (std::int64_t index = 0; index < 120; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    SCOPED_TRACE(item->question);
    const std::string kind = item->difficulty.at("kind").as_string();
    EXPECT_THAT(item->question, HasSubstr(concat("In a cold winter ", article(kind), " ", kind, " was made in ____ by its crew.")));
    EXPECT_THAT(item->gold_chain[0], ::testing::EndsWith(concat(" is ", article(kind), " ", kind, "."))) << "the kind, and nothing besides";
    EXPECT_THAT(item->gold_chain[1], HasSubstr(item->answer.answers[0]));
    const Reading reading = read_item(*item, test_corpus());
    EXPECT_EQ(reading.problem, "");
    EXPECT_THAT(reading.answers, ::testing::ElementsAre(item->answer.answers[0]));
    EXPECT_GE(reading.guesses.size(), 4u);
    first += reading.candidates.front().text == item->answer.answers[0];
    // Every candidate's sentence has the needle's words, so that only the kinds of their subjects tell them apart.
    for (const Json& needle : item->difficulty.at("other_needles").as_array()) {
      EXPECT_THAT(needle.as_string(), ::testing::StartsWith("In a cold winter Red "));
      EXPECT_THAT(needle.as_string(), ::testing::EndsWith(" by its crew."));
    }
  }
  EXPECT_GE(built, 100);
  EXPECT_NEAR(first, built / 6, 4 * std::sqrt(built / 6));
}

TEST_F(SentencesOfFuzzyNeedle, AnotherOfTheKindIsAnotherAnswer) {
  Item item = item_of(entry());
  const std::string gold_intro = item.gold_chain[0], other = item.difficulty.at("other_intros").as_array()[0].as_string();
  const std::string same = other.substr(0, other.rfind(" is a")) + gold_intro.substr(gold_intro.rfind(" is a"));
  std::string& content = item.messages[0].content;
  content.replace(content.find(other), other.size(), same);
  item.difficulty["other_intros"].as_array()[0] = same;
  EXPECT_EQ(read_item(item, test_corpus()).answers.size(), 2u);
}

// Films' first sentences name their directors: quoted whole, those of other films would be further answers.
TEST(QuestionsOfFuzzyNeedle, FirstSentencesSayTheKindAlone) {
  const testing::TemporaryFolder folder;
  std::string rows = wiki_rows(100);
  for (std::size_t at = rows.find(" about the sea."); at != std::string::npos; at = rows.find(" about the sea.", at))
    rows.replace(at, 15, " directed by Ann Lee.");
  write_file_atomically(folder.file("q.jsonl"), rows);
  const auto builder = builder_of(
      concat(R"({"task":"fuzzy_needle","max_tokens":700,"questions":{"heldout_share":0,"path":[")", folder.file("q.jsonl"), "\"]}}"));
  int built = 0;
  for (std::int64_t index = 0; index < 30; ++index) {
    const auto item = builder->build(3, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    EXPECT_EQ(item->messages[0].content.find("Ann Lee"), std::string::npos);
  }
  EXPECT_GE(built, 25);
}

TEST(QuestionsOfLongMath, ProblemsThatDoNotSuitAreLeftOut) {
  const struct {
    const char* question;
    const char* answer;
    bool suits;
  } cases[] = {
      {"Ann has 3 pears. She buys 4. How many has she now?", "7", true},
      {"Ann has 3 pears. She buys 4. How many has she now?", "Three and four.\\n#### 7", true},
      {"Ann has 3 pears. She buys 4. How many has she now?", "3", false},  // shown in the text
      {"Ann has 3 pears. How many has she?", "7", false},                  // one fragment
      {"Ann has 3 pears. She buys 4. Does she like them?", "yes", false},
      {"Let x be 3. Let y be 4. Find the sum.", "7", true},
      {"Let x be 3. Let y be 4. Find the sum. Give it as a fraction.", "\\\\frac{7}{1}", true},
      {"Let x be 3. Let y be twice as much. How many days is it?", "9 days", true},
      {"Let x be 3. Let y be 4. Name what is wanted.", "7", false},                  // asks nothing
      {"Please solve this. Reply with the value only. What is 3 + 4?", "7", false},  // nothing to find elsewhere
      {"Write 2 words, or 3. Use commas. Sort 4 of them. What comes out?", "date, fig, pear, 5", false},
  };
  for (const auto& test : cases) {
    const testing::TemporaryFolder folder;
    write_file_atomically(folder.file("q.jsonl"), concat(R"({"question":")", test.question, R"(","answer":")", test.answer, "\"}\n"));
    const std::string entry = concat(R"({"task":"long_math","max_tokens":600,"num_decoy_cases":0,"questions":{"heldout_share":0,"path":[")",
                                     folder.file("q.jsonl"), "\"]}}");
    bool suits = false;
    try {
      suits = builder_of(entry)->build(1, 0, count_quarter_bytes).has_value();
    } catch (const UserError& error) {
      EXPECT_THAT(error.what(), HasSubstr("long_math: expected problems"));
    }
    EXPECT_EQ(suits, test.suits) << test.question << " " << test.answer;
  }
}

TEST(OwnCorpus, NeitherAnswersNorNamesOfAnItemAreInItsFiller) {
  TextCollection text;
  const auto& names = test_corpus().names(Split::train);
  for (const std::string& name : names) text.sentences.push_back("The ship of " + name + " left the harbour in the evening.");
  const Corpus corpus(test_corpus().wordnet(), std::move(text));
  for (const char* task : {"fuzzy_needle", "key_chain", "long_math"}) {
    const auto builder = make_builder(parse_json(concat(R"({"task":")", task, R"(","max_tokens":2000})"), "test"), corpus, "test");
    const auto item = builder->build(3, 0, count_quarter_bytes);
    ASSERT_TRUE(item);
    const Reading reading = read_item(*item, corpus);
    EXPECT_EQ(reading.problem, "");
    for (const std::string& name : reading.entities) {
      EXPECT_EQ(item->messages[0].content.find("The ship of " + name + " left"), std::string::npos) << name;
    }
  }
}

TEST(Splits, AreOfTheQuestionsToo) {
  const testing::TemporaryFolder folder;
  write_file_atomically(folder.file("q.jsonl"), math_rows(3));
  try {
    builder_of(
        concat(R"({"task":"long_math","split":"heldout","questions":{"heldout_share":0,"path":[")", folder.file("q.jsonl"), "\"]}}"));
    ADD_FAILURE();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("long_math: expected questions for the split heldout, got none of 3"));
  }
}

}  // namespace
}  // namespace longbow::data
