// The rewards of built items: their gold answers score 1, and what a bot or a careless reader would write instead does not.
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "data/tasks/reading.h"
#include "data/tasks/task_builder.h"
#include "rewards/reward.h"

namespace longbow::rewards {
namespace {

const data::Corpus& corpus() {
  static const data::Corpus corpus(data::WordNet::load());
  return corpus;
}

std::vector<data::Item> items_of(const std::string& entry, int count) {
  const auto builder = data::make_builder(parse_json(entry, "test"), corpus(), "test");
  const auto count_tokens = [](std::string_view text) { return static_cast<std::int64_t>(text.size() / 4); };
  std::vector<data::Item> items;
  for (std::int64_t index = 0; static_cast<int>(items.size()) < count; ++index) {
    if (auto item = builder->build(5, index, count_tokens)) items.push_back(std::move(*item));
  }
  return items;
}

double score(const data::Item& item, const std::string& prediction) {
  const RewardResult result = find_reward(item.answer.reward)({prediction, item.answer.answers, item.question, item.answer.params});
  return result.score.value_or(-1);
}

TEST(BuiltAnswers, MultiQueryWantsEveryLineInItsPlace) {
  for (const char* credit : {"0", "0.5"}) {
    for (const data::Item& item : items_of(std::string(R"({"task":"multi_query","prefix_credit":)") + credit + "}", 10)) {
      std::vector<std::string> lines;
      std::istringstream gold(item.answer.answers[0]);
      for (std::string line; std::getline(gold, line);) lines.push_back(line.substr(line.find(' ') + 1));
      const auto list = [&](const std::vector<std::string>& of) {
        std::string text;
        for (std::size_t i = 0; i < of.size(); ++i) text += std::to_string(i + 1) + ". " + of[i] + "\n";
        return text;
      };
      EXPECT_EQ(score(item, list(lines)), 1);
      EXPECT_EQ(score(item, data::sft_answer(item)), 1);
      std::vector<std::string> dropped = lines, swapped = lines, added = lines, changed = lines;
      dropped.pop_back();
      std::swap(swapped[0], swapped[1]);
      added.push_back("1234");
      changed.back() += "0";
      for (const auto& wrong : {dropped, swapped, added, changed}) EXPECT_LT(score(item, list(wrong)), 1) << list(wrong);
    }
  }
}

TEST(BuiltAnswers, MultiNeedleWantsThePrefixAndTheRightText) {
  for (const data::Item& item : items_of(R"({"task":"multi_needle"})", 20)) {
    const std::string& gold = item.answer.answers[0];
    const std::string prefix = item.answer.params.at("prefix").as_string();
    EXPECT_EQ(score(item, data::sft_answer(item)), 1);
    EXPECT_EQ(score(item, gold.substr(prefix.size() + 1)), 0) << "without the prefix";
    for (const std::string& guess : data::read_item(item, corpus()).guesses) {
      if (guess != gold) {
        EXPECT_LT(score(item, guess), 0.9) << "another turn of the kind";
      }
    }
  }
}

TEST(BuiltAnswers, LongDocQaTakesNoOtherCandidate) {
  for (const data::Item& item : items_of(R"({"task":"long_doc_qa"})", 40)) {
    EXPECT_EQ(score(item, data::sft_answer(item)), 1);
    for (const std::string& alias : item.answer.answers) EXPECT_EQ(score(item, alias), 1);
    const std::string& gold = item.answer.answers[0];
    for (const std::string& guess : data::read_item(item, corpus()).guesses) {
      if (guess == gold) continue;
      for (const std::string& wrong : {guess, gold + " " + guess, guess + ", " + gold}) EXPECT_EQ(score(item, wrong), 0) << wrong;
    }
  }
}

}  // namespace
}  // namespace longbow::rewards
