// The prompt source: shares, epochs, resume, the length filter; and the sources its items come from.
#include "data/prompt_source.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <set>

#include "core/errors.h"
#include "data/sources.h"
#include "tests/core/temporary_folder.h"

namespace longbow::data {
namespace {

namespace fs = std::filesystem;

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    const testing::TemporaryFolder dir;
    std::vector<std::string> lines;
    for (int i = 0; i < 300; ++i) lines.push_back("item number " + std::to_string(i) + " holds a word");
    train_tokenizer(lines, {.vocab_size = 300}, dir.path());
    return Tokenizer(dir.path());
  }();
  return made;
}

const ChatTemplate& chat_template() {
  static const ChatTemplate made("{% for m in messages %}{{ m.content }}{% endfor %}");
  return made;
}

Item item(const std::string& task, int number, const std::string& content = "short") {
  Item made;
  made.task = task;
  made.id = task + "-" + std::to_string(number);
  made.messages = {{"user", content}};
  made.answer = {"exact_match", {"a"}, Json::object()};
  return made;
}

/// 5 items of task a, 7 of b, 11 of c.
std::vector<Item> items() {
  std::vector<Item> made;
  for (const auto& [task, count] : {std::pair{"a", 5}, std::pair{"b", 7}, std::pair{"c", 11}}) {
    for (int i = 0; i < count; ++i) made.push_back(item(task, i));
  }
  return made;
}

PromptSource source(PromptSourceConfig config = {.seed = 4}, std::vector<Item> from = items()) {
  return PromptSource(std::move(from), tokenizer(), chat_template(), std::move(config));
}

std::vector<std::string> ids(const std::vector<SourcedPrompt>& prompts) {
  std::vector<std::string> result;
  for (const SourcedPrompt& sourced : prompts) result.push_back(sourced.prompt.item_id);
  return result;
}

std::map<std::string, int> count_tasks(const std::vector<SourcedPrompt>& prompts) {
  std::map<std::string, int> counts;
  for (const SourcedPrompt& sourced : prompts) ++counts[sourced.prompt.task];
  return counts;
}

TEST(PromptSource, EveryBatchDrawsTheSameShareFromEachTask) {
  PromptSource prompts = source();
  for (int batch = 0; batch < 20; ++batch) {
    EXPECT_EQ(count_tasks(prompts.next(6)), (std::map<std::string, int>{{"a", 2}, {"b", 2}, {"c", 2}})) << batch;
  }
}

TEST(PromptSource, WeightsAreHeldToWithinOnePrompt) {
  PromptSource prompts = source({.seed = 4, .task_weights = {{"a", 3}, {"b", 0.5}, {"c", 0}}});
  std::map<std::string, int> total;
  for (int drawn = 1; drawn <= 200; ++drawn) {
    for (const auto& [task, count] : count_tasks(prompts.next(1))) total[task] += count;
    EXPECT_LE(std::abs(total["a"] - drawn * 3 / 3.5), 1.0);
    EXPECT_LE(std::abs(total["b"] - drawn * 0.5 / 3.5), 1.0);
  }
  EXPECT_EQ(total["c"], 0);
}

TEST(PromptSource, ATaskGivesEveryItemOnceAnEpochInANewOrder) {
  PromptSource prompts = source();
  std::vector<std::string> drawn_b;
  for (int batch = 0; batch < 30; ++batch) {  // batches and refills of odd sizes: no tail may be lost
    for (const SourcedPrompt& sourced : prompts.next(1 + batch % 5)) {
      if (sourced.prompt.task == "b") drawn_b.push_back(sourced.prompt.item_id);
      EXPECT_EQ(sourced.item->id, sourced.prompt.item_id);
      EXPECT_FALSE(sourced.prompt.tokens.empty());
    }
  }
  ASSERT_GE(drawn_b.size(), 28u);
  std::set<std::vector<std::string>> orders;
  for (std::size_t epoch = 0; epoch < 4; ++epoch) {
    const std::vector<std::string> part(drawn_b.begin() + static_cast<std::ptrdiff_t>(7 * epoch),
                                        drawn_b.begin() + static_cast<std::ptrdiff_t>(7 * epoch + 7));
    EXPECT_EQ(std::set<std::string>(part.begin(), part.end()).size(), 7u) << epoch;
    orders.insert(part);
  }
  EXPECT_GE(orders.size(), 3u);
}

TEST(PromptSource, ResumeContinuesExactlyWhereTheStateWasTaken) {
  PromptSource whole = source();
  PromptSource first = source();
  for (int step = 0; step < 7; ++step) {
    EXPECT_EQ(ids(whole.next(5)), ids(first.next(5)));
  }
  const std::string saved = first.state().dump();
  PromptSource second = source();
  second.restore(parse_json(saved, "state"));
  for (int step = 0; step < 20; ++step) {
    EXPECT_EQ(ids(whole.next(4)), ids(second.next(4)));
  }
  EXPECT_LT(saved.size(), 200u);

  PromptSource other_seed = source({.seed = 5});
  EXPECT_THROW(other_seed.restore(parse_json(saved, "state")), UserError);
  std::vector<Item> fewer = items();
  fewer.pop_back();
  PromptSource other_items = source({.seed = 4}, fewer);
  EXPECT_THROW(other_items.restore(parse_json(saved, "state")), UserError);
  EXPECT_NE(ids(source().next(15)), ids(other_seed.next(15)));
}

TEST(PromptSource, LongPromptsAreDroppedAndCounted) {
  std::vector<Item> mixed = items();
  mixed.push_back(item("a", 99, std::string(500, 'x')));
  mixed.push_back(item("long", 1, std::string(500, 'y')));
  PromptSource prompts = source({.seed = 4, .max_prompt_tokens = 50}, mixed);
  EXPECT_EQ(prompts.num_dropped(), 2);
  EXPECT_EQ(prompts.num_prompts(), 23);
  EXPECT_EQ(count_tasks(prompts.next(30)), (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
  EXPECT_THROW(source({.max_prompt_tokens = 1}), UserError);
}

TEST(PromptSource, WrongWeightsAreRefused) {
  try {
    source({.task_weights = {{"key_chian", 1}}}, {item("key_chain", 0)});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "task_weights: no item is of task 'key_chian'; did you mean \"key_chain\"?");
  }
  EXPECT_THROW(source({.task_weights = {{"a", -1}}}), UserError);
}

class SourceFile : public ::testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.file(name)) << text;
    return dir_.file(name);
  }
  static std::string error_of(const std::string& path, const SourceOptions& options) {
    try {
      load_items({path}, options);
      return "";
    } catch (const UserError& error) {
      return error.what();
    }
  }
  const testing::TemporaryFolder dir_;
};

constexpr const char* kVerlRow =
    R"({"data_source": "openai/gsm8k", "prompt": [{"role": "user", "content": "2+2?"}], "ability": "math", "reward_model": {"style": "rule", "ground_truth": "4"}, "extra_info": {"index": 12, "split": "train", "question": "2+2?"}})";

TEST_F(SourceFile, ReadsOurItemsAndVerlRows) {
  const std::string ours = item_to_json(item("a", 1)).dump();
  const std::string path = write("mixed.jsonl", ours + "\n\n" + kVerlRow + "\n");
  const std::vector<Item> loaded = load_items({path}, {.verl_reward = "math"});
  ASSERT_EQ(loaded.size(), 2u);
  EXPECT_EQ(loaded[0].id, "a-1");
  EXPECT_EQ(loaded[1].id, "openai/gsm8k/train/12");
  EXPECT_EQ(loaded[1].task, "openai/gsm8k");
  EXPECT_EQ(loaded[1].messages[0].content, "2+2?");
  EXPECT_EQ(loaded[1].answer.reward, "math");
  EXPECT_EQ(loaded[1].answer.answers, std::vector<std::string>{"4"});
  EXPECT_EQ(loaded[1].question, "2+2?");
}

TEST_F(SourceFile, IdsThatDoNotDifferAreNamedAtBothPlaces) {
  const std::string first = write("first.jsonl", item_to_json(item("a", 1)).dump() + "\n" + item_to_json(item("a", 2)).dump() + "\n");
  const std::string second = write("second.jsonl", item_to_json(item("a", 2)).dump() + "\n" + item_to_json(item("a", 3)).dump() + "\n");
  for (const auto& [paths, places] : {std::pair{std::vector{first, second}, std::pair{second + ":1", first + ":2"}},
                                      std::pair{std::vector{first, first}, std::pair{first + ":1", first + ":1"}}}) {
    try {
      load_items(paths);
      ADD_FAILURE() << places.first;
    } catch (const UserError& error) {
      const std::string id = places.second.ends_with(":2") ? "a-2" : "a-1";
      EXPECT_EQ(error.what(),
                places.first + ": expected ids that differ, got two items called '" + id + "', the other at " + places.second);
    }
  }
  std::int64_t skipped = 0;
  EXPECT_EQ(load_items({first, second}, {.skip_bad_lines = true, .verl_reward = ""}, &skipped).size(), 3u);
  EXPECT_EQ(skipped, 1);
}

// verl counts a row's index in each split anew, and rows without one are named by file and line.
TEST_F(SourceFile, RowsOfTwoSplitsOrTwoFoldersAreDifferentItems) {
  std::string test_row = kVerlRow, bare_row = kVerlRow;
  test_row.replace(test_row.find("\"train\""), 7, "\"test\"");
  bare_row.replace(bare_row.find("\"index\""), 7, "\"other\"");
  fs::create_directories(dir_.file("sub"));
  const std::string path = write("rows.jsonl", concat(kVerlRow, "\n", bare_row, "\n"));
  const std::string other = write("sub/rows.jsonl", concat(test_row, "\n", bare_row, "\n"));
  const std::vector<Item> loaded = load_items({path, other}, {.verl_reward = "math"});
  std::vector<std::string> ids;
  for (const Item& one : loaded) ids.push_back(one.id);
  EXPECT_EQ(ids, (std::vector<std::string>{"openai/gsm8k/train/12", "rows.jsonl:2", "openai/gsm8k/test/12", other + ":2"}));
}

TEST_F(SourceFile, BadLinesAreNamedOrCounted) {
  const std::string path = write("bad.jsonl", std::string("{\"id\": \n") + kVerlRow + "\n[1]\n");
  EXPECT_TRUE(error_of(path, {.verl_reward = "math"}).starts_with(path + ":1: ")) << error_of(path, {.verl_reward = "math"});
  std::int64_t skipped = 0;
  EXPECT_EQ(load_items({path}, {.skip_bad_lines = true, .verl_reward = "math"}, &skipped).size(), 1u);
  EXPECT_EQ(skipped, 2);
  const std::string verl = write("verl.jsonl", std::string(kVerlRow) + "\n");
  EXPECT_NE(error_of(verl, {}).find(verl + ":1: verl row: expected a reward"), std::string::npos);
  EXPECT_NE(error_of(write("empty.jsonl", ""), {}).find("expected at least one item"), std::string::npos);
  const std::string gold = write("gold.jsonl", R"({"data_source": "x", "prompt": [{"role": "user", "content": ""}], "reward_model": {}})");
  EXPECT_NE(error_of(gold, {.verl_reward = "math"}).find("\"reward_model.ground_truth\""), std::string::npos);
}

}  // namespace
}  // namespace longbow::data
