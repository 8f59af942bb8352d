#include "trainer/advantages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/errors.h"

namespace longbow::trainer {
namespace {

using testing::DoubleNear;
using testing::Pointwise;

constexpr double kEps = 1e-6;

struct Case {
  std::string name;
  AdvantageScale scale;
  std::vector<GroupRewards> groups;
  std::vector<std::vector<double>> expected;
};

// Expected values worked out by hand with unbiased standard deviations.
const double kStd01 = std::sqrt(0.5);                              // of {0, 1}
const double kStd0001 = 0.5;                                       // of {0, 0, 0, 1}
const double kStdTask = std::sqrt((3 * 0.0625 + 0.5625 * 1) / 3);  // the same numbers, spelled out
const std::vector<Case> kCases = {
    {"group", AdvantageScale::group, {{"a", {0, 1}}}, {{-0.5 / (kStd01 + kEps), 0.5 / (kStd01 + kEps)}}},
    {"none", AdvantageScale::none, {{"a", {0, 0, 0, 1}}}, {{-0.25, -0.25, -0.25, 0.75}}},
    {"zero_spread", AdvantageScale::group, {{"a", {1, 1, 1}}}, {{0, 0, 0}}},
    {"unequal_sizes",
     AdvantageScale::group,
     {{"a", {0, 1}}, {"a", {0, 0, 0, 1}}},
     {{-0.5 / (kStd01 + kEps), 0.5 / (kStd01 + kEps)},
      {-0.25 / (kStd0001 + kEps), -0.25 / (kStd0001 + kEps), -0.25 / (kStd0001 + kEps), 0.75 / (kStd0001 + kEps)}}},
    {"task_pools_only_its_own",
     AdvantageScale::task,
     {{"a", {0, 0}}, {"a", {0, 1}}, {"b", {5, 9}}},
     {{0, 0}, {-0.5 / (kStdTask + kEps), 0.5 / (kStdTask + kEps)}, {-2 / (std::sqrt(8.0) + kEps), 2 / (std::sqrt(8.0) + kEps)}}},
    {"batch", AdvantageScale::batch, {{"a", {0, 0}}, {"b", {0, 1}}}, {{0, 0}, {-0.5 / (kStdTask + kEps), 0.5 / (kStdTask + kEps)}}},
};

TEST(Advantages, MatchHandWorkedCases) {
  for (const Case& test : kCases) {
    SCOPED_TRACE(test.name);
    const auto actual = compute_advantages(test.groups, {test.scale, kEps});
    ASSERT_EQ(actual.size(), test.expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) EXPECT_THAT(actual[i], Pointwise(DoubleNear(1e-12), test.expected[i]));
  }
}

TEST(Advantages, OfEachGroupSumToZero) {
  const std::vector<GroupRewards> groups = {{"a", {0.1, 0.7, 0.3}}, {"b", {1, 0, 0, 0, 1, 0.5}}, {"a", {-3, 8}}};
  for (auto scale : {AdvantageScale::group, AdvantageScale::task, AdvantageScale::batch, AdvantageScale::none}) {
    for (const auto& row : compute_advantages(groups, {scale, kEps})) EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 0.0, 1e-12);
  }
}

TEST(Advantages, RefuseAGroupOfOne) { EXPECT_THROW(compute_advantages({{"a", {1, 0}}, {"b", {1}}}, {}), UserError); }

}  // namespace
}  // namespace longbow::trainer
