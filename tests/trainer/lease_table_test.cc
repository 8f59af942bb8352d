#include "trainer/lease_table.h"

#include <gtest/gtest.h>

#include <limits>

namespace longbow::trainer {
namespace {

constexpr int kVocab = 100;
constexpr std::int64_t kTimeout = 1000;

LeaseRequestItem request(std::int64_t step, std::int64_t prompt_idx, std::int64_t min_version = 0) {
  LeaseRequestItem item;
  item.prompt.item_id = "item";
  item.prompt.step = step;
  item.prompt.prompt_idx = prompt_idx;
  item.prompt.tokens = {1, 2, 3};
  item.group_size = 2;
  item.sampling.max_completion_tokens = 4;
  item.min_policy_version = min_version;
  return item;
}

data::Group answer(const data::Lease& lease) {
  data::Group group;
  group.lease_id = lease.lease_id;
  group.prompt = lease.prompt;
  for (std::int64_t i = 0; i < lease.group_size; ++i) {
    data::Completion completion;
    completion.sample_idx = i;
    completion.tokens = {5, 6};
    completion.rollout_logprobs = {-0.5f, -0.25f};
    completion.min_policy_version = completion.max_policy_version = lease.min_policy_version;
    group.completions.push_back(completion);
  }
  return group;
}

constexpr AnswerLimits kLimits{kVocab, 9};

LeaseTable::Verdict complete(LeaseTable& table, const data::Group& group, const std::string& worker = "w") {
  std::string why;
  return table.complete(worker, group, kLimits, &why);
}

TEST(LeaseTable, GrantsInOrderOfStepAndPromptWhateverTheOrderOfArrival) {
  LeaseTable table(kTimeout);
  for (auto [step, idx] : {std::pair{1, 0}, {0, 1}, {0, 0}, {1, 1}}) table.add(request(step, idx));
  for (auto [step, idx] : {std::pair{0, 0}, {0, 1}, {1, 0}, {1, 1}}) {
    const auto lease = table.grant("w", 9, 0);
    ASSERT_TRUE(lease);
    EXPECT_EQ(lease->prompt.step, step);
    EXPECT_EQ(lease->prompt.prompt_idx, idx);
  }
  EXPECT_FALSE(table.grant("w", 9, 0));
}

TEST(LeaseTable, WaitsForThePolicyVersionAPromptNeeds) {
  LeaseTable table(kTimeout);
  table.add(request(3, 0, 3));
  EXPECT_FALSE(table.grant("w", 2, 0));
  EXPECT_TRUE(table.grant("w", 3, 0));
}

TEST(LeaseTable, UsesEachPromptOnceWhoeverAnswersFirst) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  const auto first = table.grant("slow", 0, 0);
  EXPECT_EQ(table.expire(kTimeout), 1);
  const auto second = table.grant("fast", 0, kTimeout);
  ASSERT_TRUE(second);
  EXPECT_NE(first->lease_id, second->lease_id);
  EXPECT_EQ(complete(table, answer(*first)), LeaseTable::Verdict::accepted);  // late, but the first to answer
  EXPECT_EQ(complete(table, answer(*second)), LeaseTable::Verdict::duplicate);
  EXPECT_EQ(complete(table, answer(*first)), LeaseTable::Verdict::duplicate);
  EXPECT_EQ(table.counters().completed, 1);
  EXPECT_EQ(table.counters().reissued, 1);
  EXPECT_FALSE(table.grant("fast", 0, kTimeout));
}

TEST(LeaseTable, HeartbeatsKeepALeaseAndGoodbyeReleasesIt) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  const auto lease = table.grant("w", 0, 0);
  table.extend("w", {lease->lease_id}, 900);
  table.extend("other", {lease->lease_id}, 5000);  // not its lease
  EXPECT_EQ(table.expire(1500), 0);
  EXPECT_EQ(table.release("other"), 0);
  EXPECT_EQ(table.release("w"), 1);
  EXPECT_EQ(table.num_pending(), 1);
}

TEST(LeaseTable, ReissuesAStaleGroupAndIgnoresItsOldAnswers) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  const auto lease = table.grant("w", 0, 0);
  EXPECT_EQ(complete(table, answer(*lease)), LeaseTable::Verdict::accepted);
  table.reissue(0, 0, 2);
  EXPECT_EQ(complete(table, answer(*lease)), LeaseTable::Verdict::refused);
  EXPECT_FALSE(table.grant("w", 1, 0));
  const auto again = table.grant("w", 2, 0);
  ASSERT_TRUE(again);
  EXPECT_EQ(complete(table, answer(*again)), LeaseTable::Verdict::accepted);
}

TEST(LeaseTable, ForgetsStepsThatAreOver) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  table.add(request(1, 0));
  const auto old = table.grant("w", 0, 0);
  table.forget_before(1);
  EXPECT_EQ(complete(table, answer(*old)), LeaseTable::Verdict::refused);
  EXPECT_EQ(table.grant("w", 0, 0)->prompt.step, 1);
}

data::Group spoilt(const data::Lease& lease) {
  data::Group group = answer(lease);
  group.completions.pop_back();
  return group;
}

TEST(LeaseTable, AWorkerThatDeclinesIsNotAskedAgain) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  const auto lease = table.grant("small", 0, 0);
  table.decline("small", lease->lease_id);
  EXPECT_EQ(table.counters().declined, 1);
  EXPECT_EQ(table.num_pending(), 1);
  EXPECT_FALSE(table.grant("small", 0, 0));
  EXPECT_TRUE(table.is_hopeless(lease->lease_id, {"small"}));
  EXPECT_FALSE(table.is_hopeless(lease->lease_id, {"small", "large"}));
  const auto other = table.grant("large", 0, 0);
  ASSERT_TRUE(other);
  table.decline("small", lease->lease_id);  // said twice: the other keeps its lease
  EXPECT_EQ(table.num_leased(), 1);
  EXPECT_EQ(complete(table, answer(*other)), LeaseTable::Verdict::accepted);
  EXPECT_FALSE(table.is_hopeless(lease->lease_id, {"small"}));
  table.decline("small", other->lease_id);  // done is done
  EXPECT_EQ(table.num_pending(), 0);
  table.decline("small", 77);  // no such lease
}

TEST(LeaseTable, AWorkerThatAnswersWronglyIsAskedThreeTimes) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  std::uint64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const auto lease = table.grant("w", 0, 0);
    ASSERT_TRUE(lease) << i;
    last = lease->lease_id;
    EXPECT_FALSE(table.is_hopeless(last, {"w"})) << i;
    EXPECT_EQ(complete(table, spoilt(*lease)), LeaseTable::Verdict::refused);
  }
  EXPECT_FALSE(table.grant("w", 0, 0));
  EXPECT_TRUE(table.is_hopeless(last, {"w"}));
  EXPECT_TRUE(table.grant("v", 0, 0));
}

TEST(LeaseTable, ALeaseThatDidNotArriveIsTakenBack) {
  LeaseTable table(kTimeout);
  table.add(request(0, 0));
  table.take_back(table.grant("w", 0, 0)->lease_id);
  EXPECT_EQ(table.num_pending(), 1);
  EXPECT_TRUE(table.grant("w", 0, 0));
}

TEST(LeaseTable, RefusesGroupsThatAreNotWhatWasAsked) {
  struct Case {
    const char* expected;
    void (*damage)(data::Group&);
  };
  const Case cases[] = {
      {"prompt", [](data::Group& g) { g.prompt.tokens.push_back(1); }},
      {"prompt", [](data::Group& g) { g.prompt.step += 1; }},
      {"prompt", [](data::Group& g) { g.prompt.prompt_idx += 1; }},
      {"group size", [](data::Group& g) { g.completions.pop_back(); }},
      {"sample_idx", [](data::Group& g) { std::swap(g.completions[0], g.completions[1]); }},
      {"completion length",
       [](data::Group& g) { g.completions[1].tokens.assign(5, 1), g.completions[1].rollout_logprobs.assign(5, -1.0f); }},
      {"rollout_logprobs", [](data::Group& g) { g.completions[0].rollout_logprobs.pop_back(); }},
      {"rollout_logprobs", [](data::Group& g) { g.completions[0].rollout_logprobs[0] = std::numeric_limits<float>::quiet_NaN(); }},
      {"rollout_logprobs", [](data::Group& g) { g.completions[0].rollout_logprobs[0] = 0.5f; }},
      {"finish_reason", [](data::Group& g) { g.completions[0].finish_reason = data::FinishReason::abort; }},
      {"policy_version: expected at least", [](data::Group& g) { g.completions[0].min_policy_version = -1; }},
      {"policy_version: expected at most 9, got 10", [](data::Group& g) { g.completions[1].max_policy_version = 10; }},
      {"prompt: expected item 'item'", [](data::Group& g) { g.prompt.item_id = "other"; }},
      {"prompt: expected item 'item'", [](data::Group& g) { g.prompt.task = "easier"; }},
      {"token id", [](data::Group& g) { g.completions[0].tokens[0] = kVocab; }},
      {"token id", [](data::Group& g) { g.completions[0].tokens[0] = -1; }},
      {"lease", [](data::Group& g) { g.lease_id += 1000; }},
  };
  for (const Case& test : cases) {
    LeaseTable table(kTimeout);
    table.add(request(0, 0));
    data::Group group = answer(*table.grant("w", 0, 0));
    test.damage(group);
    std::string why;
    EXPECT_EQ(table.complete("w", group, kLimits, &why), LeaseTable::Verdict::refused);
    EXPECT_EQ(why.rfind(test.expected, 0), 0u) << why;
  }
}

}  // namespace
}  // namespace longbow::trainer
