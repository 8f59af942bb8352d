// Every gate lets the builders' items through and stops what was tampered with; the bots are held to chance.
#include "data/tasks/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "data/tasks/bot_tally.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

using ::testing::HasSubstr;

const NgramIndex kNothing{{}};

std::optional<GateFailure> judged(const Item& item, const GateKeeper& gates) { return gates.judge(item, read_item(item, test_corpus())); }
std::optional<GateFailure> judged(const Item& item) { return judged(item, {test_corpus(), kNothing, {}, count_quarter_bytes}); }

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) text.replace(at, from.size(), to);
}

TEST(Gates, LetBuiltItemsThrough) {
  for (const std::string& task : task_names()) {
    for (const char* knobs : {"", R"(,"max_tokens":3000)", R"(,"split":"heldout")"}) {
      const auto builder = builder_of(R"({"task":")" + task + "\"" + knobs + "}");
      for (std::int64_t index = 0; index < 40; ++index) {
        const auto item = builder->build(5, index, count_quarter_bytes);
        if (!item) continue;
        const auto failure = judged(*item);
        EXPECT_FALSE(failure) << item->id << ": " << failure->reason;
      }
    }
  }
}

TEST(Gates, StopTamperedItems) {
  const struct {
    const char* what;
    void (*tamper)(Item&);
    Gate gate;
  } cases[] = {
      {"other answer", [](Item& item) { item.answer.answers[0] = "9999"; }, Gate::oracle},
      {"moved evidence", [](Item& item) { ++item.evidence[0].start; }, Gate::construction},
      {"missing evidence", [](Item& item) { item.evidence.pop_back(); }, Gate::construction},
      {"other chain",
       [](Item& item) {
         item.gold_chain.pop_back();
         item.gold_chain.push_back("No.");
       },
       Gate::construction},
      {"other question", [](Item& item) { item.question += " "; }, Gate::construction},
      {"wrong num_candidates", [](Item& item) { item.difficulty["num_candidates"] = 3; }, Gate::construction},
      {"wrong split", [](Item& item) { item.difficulty["split"] = "heldout"; }, Gate::construction},
      {"wrong length", [](Item& item) { item.num_tokens -= 1; }, Gate::construction},
      {"beyond the limit", [](Item& item) { item.difficulty["limit_tokens"] = item.num_tokens - 1; }, Gate::construction},
      {"wrong bin", [](Item& item) { item.length_bin = "2k"; }, Gate::construction},
      {"evidence erased",
       [](Item& item) {
         std::string& text = item.messages[0].content;
         const EvidenceSpan& span = item.evidence.back();
         text.replace(span.start, span.end - span.start, std::string(span.end - span.start, 'x'));
       },
       Gate::construction},
      {"no message", [](Item& item) { item.messages.clear(); }, Gate::construction},
      {"no question mark", [](Item& item) { replace_all(item.messages[0].content, "Question", "Kuestion"); }, Gate::construction},
  };
  for (const std::string& task : task_names()) {
    for (const auto& test : cases) {
      Item item = item_of(R"({"task":")" + task + "\"}");
      test.tamper(item);
      const auto failure = judged(item);
      ASSERT_TRUE(failure) << task << ": " << test.what;
      EXPECT_EQ(name_of(failure->gate), name_of(test.gate)) << task << ": " << test.what << ": " << failure->reason;
    }
  }
}

TEST(Gates, UniquenessFindsASecondAnswer) {
  // A second person notices the same thing, at the end of the context.
  Item item = item_of(R"({"task":"fuzzy_needle"})");
  const std::string needle = item.gold_chain.back();
  const std::string other = (split_of("Zola") == Split::train ? "Zola" : "Ravel") + needle.substr(needle.find(' '));
  std::string& text = item.messages[0].content;
  const auto parts = *split_message(text);
  text = std::string(parts.context) + " " + other + "\n\nQuestion: " + item.question;
  item.num_tokens = 0;
  item.difficulty["num_candidates"] = item.difficulty.at("num_candidates").as_integer() + 1;
  const auto failure = judged(item);
  ASSERT_TRUE(failure);
  EXPECT_EQ(name_of(failure->gate), "uniqueness") << failure->reason;
}

TEST(Gates, OracleAsksTheReward) {
  const Item item = item_of(R"({"task":"key_chain"})");
  std::string seen;
  const CompletionScorer half = [&](const Item&, const std::string& completion) { return seen = completion, 0.5; };
  const auto failure = judged(item, {test_corpus(), kNothing, half, {}});
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->gate, Gate::oracle);
  EXPECT_EQ(seen, sft_answer(item));
}

TEST(Gates, DecontaminationFindsThirteenWords) {
  const Item item = item_of(R"({"task":"long_math"})");
  const std::string path = ::testing::TempDir() + concat("/longbow_gates_", ::getpid(), ".txt");
  const auto with_words = [&](int count) {  // the item's first words, in other case and punctuation, over two lines
    std::string text = "unrelated words first\n";
    std::size_t at = 0;
    for (int i = 0; i < count; ++i) {
      const std::size_t end = item.messages[0].content.find(' ', at);
      std::string word = item.messages[0].content.substr(at, end - at);
      for (char& c : word) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      text += word + (i == 6 ? "\n" : " ,");
      at = end + 1;
    }
    std::ofstream(path) << text << " zebra\n";
    const NgramIndex index({path});
    return judged(item, {test_corpus(), index, {}, {}});
  };
  EXPECT_FALSE(with_words(9));
  const auto failure = with_words(20);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->gate, Gate::decontamination);
  std::filesystem::remove(path);
}

TEST(Bots, AreAtChanceOnWhatTheBuildersMake) {
  for (const std::string& task : task_names()) {
    const auto builder = builder_of(R"({"task":")" + task + "\"}");
    BotTally tally(task);
    for (std::int64_t index = 0; index < 300; ++index) {
      const auto item = builder->build(6, index, count_quarter_bytes);
      if (!item) continue;
      const Reading reading = read_item(*item, test_corpus());
      tally.add(run_bots(*item, reading));
    }
    for (const BotTally::Row& row : tally.rows()) EXPECT_LE(row.accuracy, row.allowed) << task << ", " << row.bot;
  }
}

// The bots that are right about an item whose answer is `gold`; candidates and place of the numbers are LongMath's.
std::vector<std::string> right_bots(const std::string& context, const std::string& gold, const std::string& id = "x-1") {
  Item item;
  item.id = id;
  item.task = "long_math";
  item.question = "How many pears does Dorwin have?";
  item.messages = {{"user", context + "\n\nQuestion: " + item.question}};
  item.answer.answers = {gold};
  item.gold_chain = {"Dorwin has " + gold + "."};
  const BotAnswers answers = run_bots(item, read_item(item, test_corpus()));
  std::vector<std::string> right;
  for (std::size_t i = 0; i < answers.right.size(); ++i) {
    if (answers.right[i]) right.push_back(item_bot_names()[i]);
  }
  return right;
}

TEST(Bots, EachSolvesTheItemWithItsShortcut) {
  const struct {
    const char* bot;
    const char* context;
    const char* gold;
  } cases[] = {
      {"bm25", "A stone of 5. A word about Dorwin and pears, 7 of them. Some 3 more.", "7"},
      {"keyword", "A stone of 5. Pears of Dorwin, and 7 of them. Dorwin and 3.", "7"},
      {"nearest", "How many 5. How many 6. Many 4. Dorwin has 7. How many 3.", "7"},
      {"first", "A stone of 7. A word about pears, 5 of them. Some 3 more.", "7"},
      {"last", "A stone of 3. A word about pears, 5 of them. Some 7 more.", "7"},
      {"middle", "A stone of 3. A word about 7 of them. Some 5 more.", "7"},
      {"most_frequent", "A stone of 3. A word about 7 of them. Some 5 more, 7 in all.", "7"},
      {"longest", "A stone of 3. A word about 70 of them. Some 5 more.", "70"},
      {"shortest", "A stone of 33. A word about 7 of them. Some 55 more.", "7"},
      {"id", "A stone of 3. A word about 7 of them. Some 5 more.", "7"},  // number 1 of three
  };
  for (const auto& test : cases) EXPECT_THAT(right_bots(test.context, test.gold), ::testing::Contains(test.bot)) << test.context;
  EXPECT_THAT(right_bots("A stone of 3. A word about 7 of them. Some 5 more.", "7", "x-20"), ::testing::Not(::testing::Contains("id")));
  EXPECT_THAT(right_bots("A stone of 3. A word about Dorwin and pears, 7 of them. Some 5 more.", "5"), ::testing::ElementsAre("last"));
}

BotAnswers answers_of(const std::string& gold, int gold_rank, std::size_t num_candidates) {
  return {std::vector<bool>(item_bot_names().size(), false), num_candidates, gold, static_cast<int>(num_candidates), gold_rank};
}

double accuracy_of(const BotTally& tally, const std::string& bot) { return tally.to_json().at("accuracy").at(bot).as_number(); }

TEST(Bots, EachAnswersATextThatWasTamperedWithToo) {
  for (const std::string& task : task_names()) {
    Item item = item_of(R"({"task":")" + task + "\"}");
    item.messages[0].content = "A stone." + item.messages[0].content.substr(item.messages[0].content.rfind("\n\nQuestion: "));
    BotTally tally(task);
    tally.add(run_bots(item, read_item(item, test_corpus())));
    EXPECT_EQ(tally.rows().front().right, 0) << task;
  }
}

// The only thing of its kind in the text: distractors must not come from one another's categories.
TEST(Bots, LoneKindIsNoShortcut) {
  const auto builder = builder_of(R"({"task":"fuzzy_needle","max_tokens":400})");
  int right = 0, built = 0;
  for (std::int64_t index = 0; index < 1500; ++index) {
    const auto item = builder->build(4, index, count_quarter_bytes);
    if (!item) continue;
    ++built;
    right += read_item(*item, test_corpus()).shortcuts.at(0) == item->answer.answers[0];
  }
  EXPECT_GE(built, 1450);
  EXPECT_LE(right, built / 8 + 4 * std::sqrt(built / 8));  // eight needles
}

TEST(Bots, LearnedOnesFindWhatAFileRepeats) {
  const struct {
    const char* bot;
    BotAnswers (*item)(Rng& rng, int i);
  } cases[] = {
      {"answer_prior", [](Rng& rng, int) { return answers_of(rng.below(3) == 0 ? "7" : concat(rng.next_u64()), -1, 8); }},
      {"position",
       [](Rng& rng, int) { return answers_of(concat(rng.next_u64()), rng.below(3) == 0 ? 5 : static_cast<int>(rng.below(8)), 8); }},
      {"position_from_end",
       [](Rng& rng, int) {
         const int different = static_cast<int>(8 + rng.below(40));
         BotAnswers answers = answers_of(concat(rng.next_u64()), different - 2, 8);
         answers.num_different = different;
         return answers;
       }},
      {"order", [](Rng& rng, int i) { return answers_of(concat(rng.next_u64()), i / 6 % 8, 8); }},  // moves on every sixth item
      {"repeat", [](Rng&, int i) { return answers_of(concat(i / 2), -1, 8); }},
  };
  for (const auto& test : cases) {
    Rng rng(1, {stable_hash(test.bot)});
    BotTally tally("long_math");
    for (int i = 0; i < 600; ++i) tally.add(test.item(rng, i));
    const auto failure = tally.failure();
    ASSERT_TRUE(failure) << test.bot;
    EXPECT_EQ(failure->bot, test.bot);
  }
}

TEST(Bots, LearnedOnesFindNothingInNoise) {
  Rng rng(3, {});
  BotTally tally("long_math");
  for (int i = 0; i < 2000; ++i) tally.add(answers_of(concat(rng.below(8)), static_cast<int>(rng.below(8)), 8));
  EXPECT_FALSE(tally.failure()) << tally.to_json().dump(2);
  EXPECT_NEAR(accuracy_of(tally, "answer_prior"), 0.125, 0.03);
}

// What is learned on one half is tried on the other: an answer that never comes again is no prior.
TEST(Bots, PriorIsNotCountedOnItsOwnItems) {
  BotTally tally("long_math");
  for (int i = 0; i < 40; ++i) tally.add(answers_of(std::to_string(i), -1, 40));
  EXPECT_EQ(accuracy_of(tally, "answer_prior"), 0);
}

TEST(Bots, AreAllowedThreePointsAndTheErrorOfSmallFiles) {
  EXPECT_DOUBLE_EQ(allowed_accuracy(0.1, 2000), 0.13);
  EXPECT_DOUBLE_EQ(allowed_accuracy(0.5, 100000), 0.53);
  // By simulation: a fair file of this size passes, and one not far above it would not.
  for (const auto& [chance, items] : {std::pair{0.25, 100}, std::pair{0.02, 12}, std::pair{0.5, 40}, std::pair{0.1, 1000}}) {
    const double allowed = allowed_accuracy(chance, items);
    EXPECT_GE(allowed, chance + 0.03);
    Rng rng(4, {static_cast<std::uint64_t>(items)});
    int alarms = 0, near = 0;
    for (int file = 0; file < 3000; ++file) {
      int right = 0;
      for (int i = 0; i < items; ++i) right += rng.uniform() < chance;
      alarms += right > allowed * items + 1e-9;
      near += right > (allowed * items) / 1.25;
    }
    EXPECT_LE(alarms, 3) << chance << ", " << items;  // 0.3 expected
    EXPECT_GT(near, 0) << "not out of reach either: " << chance << ", " << items;
  }
}

TEST(Bots, TallyRefusesABotAboveChance) {
  BotTally tally("long_math");
  for (int i = 0; i < 100; ++i) {
    BotAnswers answers = answers_of(std::to_string(i), -1, 4);
    answers.right[3] = i < 45;  // "first"; chance is 25%
    tally.add(answers);
  }
  const auto failure = tally.failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->bot, "first");
  EXPECT_DOUBLE_EQ(failure->accuracy, 0.45);
  EXPECT_EQ(failure->right, 45);
}

// E. B. Wilson's interval by hand: 45 of 100 is 0.3561 to 0.5476.
TEST(Bots, IntervalIsWilsons) {
  const auto [low, high] = wilson_interval(45, 100);
  EXPECT_NEAR(low, 0.3561, 1e-4);
  EXPECT_NEAR(high, 0.5476, 1e-4);
  EXPECT_NEAR(wilson_interval(0, 50).first, 0, 1e-12);
  EXPECT_NEAR(wilson_interval(50, 50).second, 1, 1e-12);
}

}  // namespace
}  // namespace longbow::data
