// LongMath by someone who reads its numbers and steps, but not whose they are.
#include "data/tasks/long_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "data/tasks/phrase.h"
#include "tests/data/tasks/task_fixture.h"

namespace longbow::data {
namespace {

struct Step {
  char operation;  // '+', '-', '*', or 't' for "together"
  std::int64_t amount = 0;
};

struct Loose {  // all cases' numbers and steps together
  std::vector<std::int64_t> given;
  std::map<char, std::vector<Step>> steps;
};

Loose loose_numbers(const std::string& text) {
  Loose loose;
  for (const Sentence& sentence : split_sentences(text)) {
    const auto amount = [&](const char* pattern) -> std::int64_t {
      const auto words = match(sentence.text, pattern);
      const bool is_number = words && std::all_of((*words)[1].begin(), (*words)[1].end(), [](char c) { return c >= '0' && c <= '9'; });
      return is_number ? std::stoll(std::string((*words)[1])) : 0;
    };
    if (const auto given = amount(kGivenPattern)) loose.given.push_back(given);
    if (const auto more = amount(kMorePattern)) loose.steps['+'].push_back({'+', more});
    if (const auto fewer = amount(kFewerPattern)) loose.steps['-'].push_back({'-', fewer});
    if (match(sentence.text, kTwicePattern)) loose.steps['*'].push_back({'*', 2});
    if (match(sentence.text, kThricePattern)) loose.steps['*'].push_back({'*', 3});
    if (match(sentence.text, kTogetherPattern)) loose.steps['t'].push_back({'t'});
  }
  return loose;
}

/// A result of any given number and a case's share of each kind of step, in any order; 0 where it leaves the numbers in use.
std::int64_t any_result(const Loose& loose, std::int64_t cases, std::int64_t max_value, Rng& rng) {
  std::vector<std::int64_t> values = {rng.pick(loose.given)};
  std::vector<Step> order;
  for (auto [kind, steps] : loose.steps) {
    for (std::size_t i = 0; i < steps.size() / static_cast<std::size_t>(cases); ++i) {
      std::swap(steps[i], steps[i + rng.below(steps.size() - i)]);
      order.push_back(steps[i]);
    }
  }
  for (std::size_t i = 0; i < order.size(); ++i) {
    std::swap(order[i], order[i + rng.below(order.size() - i)]);
    const std::int64_t before = values.back();
    switch (order[i].operation) {
      case '+':
        values.push_back(before + order[i].amount);
        break;
      case '-':
        values.push_back(before - order[i].amount);
        break;
      case '*':
        values.push_back(before * order[i].amount);
        break;
      default:
        values.push_back(before + rng.pick(values));
    }
    if (values.back() < 1 || values.back() > max_value) return 0;
  }
  return values.back();
}

TEST(LongMath, ResultsOfOthersNumbersAreNoHint) {
  const auto builder = builder_of(R"({"task":"long_math","max_tokens":400})");
  constexpr int kItems = 1000, kResults = 300;
  double right = 0, chance = 0;
  for (std::int64_t index = 0; index < kItems; ++index) {
    const auto item = builder->build(8, index, count_quarter_bytes);
    ASSERT_TRUE(item);
    const auto stated = [&](const char* name) { return item->difficulty.find(name)->as_integer(); };
    const Loose loose = loose_numbers(item->messages.back().content);
    ASSERT_EQ(static_cast<std::int64_t>(loose.given.size()), 1 + stated("num_decoy_cases"));
    std::map<std::int64_t, int> counts;
    Rng rng(9, {static_cast<std::uint64_t>(index)});
    for (int i = 0; i < kResults; ++i) ++counts[any_result(loose, 1 + stated("num_decoy_cases"), stated("max_value"), rng)];
    counts.erase(0);
    const auto most_common = std::max_element(counts.begin(), counts.end(), [](auto& a, auto& b) { return a.second < b.second; });
    right += most_common != counts.end() && std::to_string(most_common->first) == item->answer.answers.front();
    chance += 1.0 / static_cast<double>(stated("num_candidates"));
  }
  EXPECT_LE(right / kItems, chance / kItems + 0.03);
  EXPECT_GT(right / kItems, chance / kItems) << "does the guesser read the numbers?";
}

}  // namespace
}  // namespace longbow::data
