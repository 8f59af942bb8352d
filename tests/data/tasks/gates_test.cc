// Every gate lets the builders' items through and stops what was tampered with; the bots are held to chance.
#include "data/tasks/gates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "data/tasks/shortcut_bots.h"
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
  EXPECT_FALSE(with_words(6));
  const auto failure = with_words(20);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->gate, Gate::decontamination);
  std::filesystem::remove(path);
}

TEST(Bots, AreAtChanceOnWhatTheBuildersMake) {
  for (const std::string& task : task_names()) {
    const auto builder = builder_of(R"({"task":")" + task + "\"}");
    BotTally tally;
    for (std::int64_t index = 0; index < 300; ++index) {
      const auto item = builder->build(6, index, count_quarter_bytes);
      if (!item) continue;
      const Reading reading = read_item(*item, test_corpus());
      tally.add(item->answer.answers[0], run_bots(*item, reading), reading.guesses.size());
    }
    for (const BotTally::Row& row : tally.rows()) EXPECT_LE(row.accuracy, row.allowed) << task << ", " << row.bot;
  }
}

TEST(Bots, SolveAnItemWithAShortcut) {
  Item item;
  item.id = "x";
  item.task = "long_math";
  item.question = "How many pears does Dorwin have?";
  item.messages = {{"user", "A stone. A word about Dorwin and pears, 7 of them. Some 3 more, and 3.\n\nQuestion: " + item.question}};
  item.answer.answers = {"7"};
  item.gold_chain = {"Dorwin has 7."};
  const std::vector<bool> right = run_bots(item, read_item(item, test_corpus()));
  const auto of = [&](const std::string& bot) {
    return right[std::find(bot_names().begin(), bot_names().end(), bot) - bot_names().begin()];
  };
  for (const char* bot : {"bm25", "keyword", "nearest", "first"}) EXPECT_TRUE(of(bot)) << bot;
  for (const char* bot : {"last", "most_frequent"}) EXPECT_FALSE(of(bot)) << bot;
}

TEST(Bots, TallyRefusesABotAboveChance) {
  BotTally tally;
  std::vector<bool> right(bot_names().size() - 1, false);
  for (int i = 0; i < 100; ++i) {
    right[3] = i < 45;  // "first"; chance is 25%
    tally.add(std::to_string(i), right, 4);
  }
  const auto failure = tally.failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->bot, "first");
  EXPECT_DOUBLE_EQ(failure->accuracy, 0.45);
  EXPECT_NEAR(failure->allowed, 0.25 + 4 * std::sqrt(0.1875 / 100) + 0.01, 1e-12);
}

TEST(Bots, ConstantIsTheMostCommonAnswer) {
  BotTally tally;
  const std::vector<bool> wrong(bot_names().size() - 1, false);
  for (int i = 0; i < 100; ++i) tally.add(i < 40 ? "7" : std::to_string(100 + i), wrong, 10);
  const auto failure = tally.failure();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->bot, "constant");
  EXPECT_DOUBLE_EQ(failure->accuracy, 0.4);
}

}  // namespace
}  // namespace longbow::data
