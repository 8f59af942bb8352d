#include "core/random.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <vector>

#include "core/errors.h"

namespace longbow {
namespace {

// Random123's tests/kat_vectors, the three lines of "philox4x32 10".
TEST(Philox, MatchesRandom123) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  constexpr std::uint32_t kOnes = 0xffffffff;
  EXPECT_EQ(philox4x32({kOnes, kOnes, kOnes, kOnes}, {kOnes, kOnes}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, IsAPureFunctionOfSeedAndKey) {
  Rng a(7, {1, 2}), b(7, {1, 2});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.next_u64(), b.next_u64());
}

TEST(Rng, StreamsOfDifferentNamesDiffer) {
  std::set<std::uint64_t> first_words;
  for (std::uint64_t seed : {0, 1}) {
    first_words.insert(Rng(seed, {}).next_u64());
    for (std::uint64_t i = 0; i < 50; ++i) {
      first_words.insert(Rng(seed, {i}).next_u64());
      for (std::uint64_t j = 0; j < 50; ++j) first_words.insert(Rng(seed, {i, j}).next_u64());
    }
  }
  EXPECT_EQ(first_words.size(), 2u * (1 + 50 + 50 * 50));
}

// From a second implementation, in Python. A change of the stream would silently change every data set and every run.
TEST(Rng, TheStreamIsFixedForEver) {
  Rng rng(42, {stable_hash("sampler"), 3});
  const std::vector<std::uint64_t> got = {rng.next_u64(), rng.next_u64(), rng.next_u64()};
  EXPECT_EQ(got, (std::vector<std::uint64_t>{0x5f85a632b8b24034u, 0x473f9ded1935fa0du, 0x615f7a61bdc7717bu}));
}

TEST(Rng, BelowIsUniform) {
  for (const std::uint64_t bound : {1u, 2u, 3u, 10u, 17u}) {
    Rng rng(1, {bound});
    std::vector<double> counts(bound);
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const std::uint64_t value = rng.below(bound);
      ASSERT_LT(value, bound);
      ++counts[value];
    }
    double chi_square = 0;
    const double expected = double{kDraws} / static_cast<double>(bound);
    for (const double count : counts) chi_square += (count - expected) * (count - expected) / expected;
    EXPECT_LT(chi_square, 50) << bound;  // 16 degrees of freedom: p < 3e-5
  }
}

TEST(Rng, BelowIsUnbiasedWhereAModuloIsNot) {
  constexpr std::uint64_t kBound = 3ull << 62;  // next_u64() % kBound would fall below 2^62 twice as often
  Rng rng(2, {});
  int low = 0;
  constexpr int kDraws = 30000;
  for (int i = 0; i < kDraws; ++i) low += rng.below(kBound) < (1ull << 62);
  EXPECT_NEAR(low, kDraws / 3, 5 * std::sqrt(kDraws * 2.0 / 9));
}

TEST(Rng, BetweenIncludesBothEnds) {
  Rng rng(3, {});
  std::set<std::int64_t> seen;
  for (int i = 0; i < 200; ++i) seen.insert(rng.between(-2, 2));
  EXPECT_EQ(seen, (std::set<std::int64_t>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(rng.between(5, 5), 5);
  rng.between(std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
  EXPECT_THROW(rng.between(1, 0), InternalError);
  EXPECT_THROW(rng.below(0), InternalError);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(4, {});
  constexpr int kDraws = 40000;
  double uniform_sum = 0, normal_sum = 0, normal_squares = 0, normal_fourth = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_TRUE(u >= 0 && u < 1);
    uniform_sum += u;
    const double x = rng.normal();
    normal_sum += x;
    normal_squares += x * x;
    normal_fourth += x * x * x * x;
  }
  const double sigma = 1 / std::sqrt(double{kDraws});
  EXPECT_NEAR(uniform_sum / kDraws, 0.5, 5 * sigma * std::sqrt(1.0 / 12));
  EXPECT_NEAR(normal_sum / kDraws, 0, 5 * sigma);
  EXPECT_NEAR(normal_squares / kDraws, 1, 5 * sigma * std::sqrt(2.0));
  EXPECT_NEAR(normal_fourth / kDraws, 3, 5 * sigma * std::sqrt(96.0));
}

TEST(Rng, ShuffleGivesEveryPermutationEquallyOften) {
  std::vector<int> counts(6);
  Rng rng(5, {});
  constexpr int kDraws = 12000;
  for (int i = 0; i < kDraws; ++i) {
    std::vector<int> values = {0, 1, 2};
    rng.shuffle(values);
    ++counts[values[0] * 2 + (values[1] > values[2])];
  }
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 6, 5 * std::sqrt(kDraws * 5.0 / 36));
}

TEST(StableHash, TellsTextsApart) {
  EXPECT_EQ(stable_hash("a"), stable_hash("a"));
  EXPECT_NE(stable_hash(""), stable_hash(std::string_view("\0", 1)));
  EXPECT_NE(stable_hash("ab"), stable_hash("ba"));
}

}  // namespace
}  // namespace longbow
