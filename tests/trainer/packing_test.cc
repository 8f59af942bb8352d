#include "trainer/packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace longbow::trainer {
namespace {

using testing::ElementsAre;

data::Group group_of(std::vector<std::vector<std::int32_t>> completions) {
  data::Group group;
  group.prompt.tokens = {10, 11, 12};
  for (auto& tokens : completions) group.completions.emplace_back().tokens = std::move(tokens);
  return group;
}

TEST(Packing, HoldsThePromptOnceAndContinuesIt) {
  const PackedGroup packed = pack_group(group_of({{20, 21, 22}, {30}, {}, {40, 41}}));
  EXPECT_THAT(packed.batch.tokens, ElementsAre(10, 11, 12, 20, 21, 40));
  EXPECT_THAT(packed.batch.position_ids, ElementsAre(0, 1, 2, 3, 4, 3));
  ASSERT_EQ(packed.batch.segments.size(), 3u);
  EXPECT_EQ(packed.batch.segments[1].prefix, 0);
  EXPECT_EQ(packed.batch.segments[2].first_position, 3);
  EXPECT_THAT(packed.targets, ElementsAre(20, 21, 22, 30, 40, 41));
  // Of the prompt only the last row's state is computed; it is the first, and predicts every completion's first token.
  EXPECT_EQ(packed.batch.segments[0].first_query, 2);
  EXPECT_EQ(packed.batch.segments[1].first_query, 0);
  EXPECT_EQ(packed.num_wanted, 4);
  EXPECT_THAT(packed.source_rows, ElementsAre(0, 1, 2, 0, 0, 3));
  EXPECT_THAT(packed.completion_begin, ElementsAre(0, 3, 4, 4, 6));
}

TEST(Packing, RepeatedHasTheSameTargetsInTheSameOrder) {
  const data::Group group = group_of({{20, 21, 22}, {}, {30}});
  const PackedGroup once = pack_group(group);
  const PackedGroup repeated = pack_group(group, PromptPacking::repeated);
  EXPECT_EQ(once.targets, repeated.targets);
  EXPECT_EQ(once.completion_begin, repeated.completion_begin);
  EXPECT_THAT(repeated.batch.tokens, ElementsAre(10, 11, 12, 20, 21, 10, 11, 12));
  EXPECT_THAT(repeated.source_rows, ElementsAre(0, 1, 2, 3));
}

TEST(Packing, AppendsSequencesThatDoNotSeeEachOther) {
  PackedTargets packed;
  EXPECT_EQ(append_sequence(packed, {1, 2, 3}, {false, false, true}), 0);
  EXPECT_EQ(append_sequence(packed, {4, 5}, {false, true}), 1);
  EXPECT_THAT(packed.batch.tokens, ElementsAre(1, 2, 4));
  EXPECT_THAT(packed.targets, ElementsAre(3, 5));
  EXPECT_EQ(packed.batch.segments[0].first_query, 1);  // nothing before it is predicted from
  EXPECT_THAT(packed.source_rows, ElementsAre(0, 1));
  EXPECT_EQ(packed.batch.segments[1].prefix, -1);
}

}  // namespace
}  // namespace longbow::trainer
