// Admission by slots and memory, chunk planning, and the cache's size against its own formula.
#include "rollout/scheduler.h"

#include <gtest/gtest.h>

#include "core/errors.h"
#include "tests/rollout/tiny_model.h"

namespace longbow::rollout {
namespace {

TEST(GroupCache, NeverExceedsWhatAdmissionCounted) {
  ThreadPool pool(1);
  const model::ModelConfig config = tiny_config();
  std::vector<float> row(4 * 16 + 2 * 2 * 16, 0.5f);
  for (const std::int64_t completion : {1, 2, 64, 65, 66, 130, 300, 700}) {
    for (const std::int64_t prompt : {1, 64, 65, 400}) {
      const GroupCacheShape shape{prompt, 2, completion, 50};
      GroupCache cache(config, kernels::DType::bf16, shape);
      cache.shared_prefix()->logits.resize(config.vocab_size);
      for (std::int64_t t = 0; t + 1 < completion; ++t) {
        for (int layer = 0; layer < 4; ++layer) {
          for (int sample = 0; sample < 2; ++sample) cache.suffix(layer, sample).append(pool, row.data() + 64, row.data() + 96, 1, 128);
        }
      }
      const std::int64_t bound = group_cache_bytes(config, kernels::DType::bf16, shape);
      EXPECT_LE(cache.bytes(), bound) << prompt << " + " << completion;
      if (completion > 1) {
        EXPECT_GE(2 * cache.bytes(), bound) << prompt << " + " << completion;  // and the bound is not far off
      }
    }
  }
}

TEST(GroupCache, SharesThePromptAndBoundsSlidingLayers) {
  const model::ModelConfig config = tiny_config();
  const auto bytes = [&](std::int64_t prompt, std::int64_t group_size, std::int64_t completion) {
    return group_cache_bytes(config, kernels::DType::f32, {prompt, group_size, completion, 256});
  };
  const std::int64_t per_token = 2 * 2 * 16 * 4;  // keys and values, kv heads, head_dim, bytes
  // Two full layers grow with the prompt whatever the group size; the two sliding ones do not.
  EXPECT_EQ(bytes(64'000, 8, 64) - bytes(32'000, 8, 64), 2 * per_token * 32'000);
  EXPECT_EQ(bytes(64'000, 16, 64) - bytes(64'000, 8, 64), bytes(128, 16, 64) - bytes(128, 8, 64));
}

TEST(Scheduler, AdmitsInOrderWhileSlotsAndMemoryLast) {
  const model::ModelConfig config = tiny_config();
  const GroupRequest probe = make_request(0, 100, 2, 10);
  const std::int64_t one = group_cache_bytes(config, kernels::DType::f32, {100, 2, 10, 64});
  struct Case {
    std::int64_t slots, budget, expected;
  };
  for (const Case& c :
       {Case{1, 100 * one, 1}, Case{3, 100 * one, 3}, Case{8, 2 * one, 2}, Case{8, 3 * one - 1, 2}, Case{8, 100 * one, 5}}) {
    Scheduler scheduler(config, kernels::DType::f32, {c.slots, 64, c.budget});
    for (std::uint64_t id = 1; id <= 5; ++id) scheduler.submit(make_request(id, 100, 2, 10));
    scheduler.admit();
    EXPECT_EQ(scheduler.num_running(), c.expected);
    EXPECT_EQ(scheduler.num_waiting(), 5 - c.expected);
    EXPECT_LE(scheduler.reserved_bytes(), c.budget);
    EXPECT_EQ(scheduler.lease_ids(), (std::vector<std::uint64_t>{1, 2, 3, 4, 5}));
  }
}

TEST(Scheduler, RefusesWhatCouldNeverRun) {
  const model::ModelConfig config = tiny_config();
  const std::int64_t one = group_cache_bytes(config, kernels::DType::f32, {100, 2, 10, 64});
  Scheduler scheduler(config, kernels::DType::f32, {4, 64, one});
  EXPECT_NO_THROW(scheduler.submit(make_request(1, 100, 2, 10)));
  EXPECT_THROW(scheduler.submit(make_request(2, 200, 2, 10)), UserError);  // memory
  EXPECT_THROW(scheduler.submit(make_request(3, 0, 2, 10)), UserError);    // empty prompt
  EXPECT_THROW(scheduler.submit(make_request(4, 10, 0, 10)), UserError);   // empty group
  EXPECT_THROW(scheduler.submit(make_request(5, 10, 2, 0)), UserError);    // nothing to generate
  GroupRequest bad_token = make_request(6, 10, 2, 10);
  bad_token.prompt.tokens[3] = 96;
  EXPECT_THROW(scheduler.submit(bad_token), UserError);
  EXPECT_EQ(scheduler.num_waiting(), 1);
}

TEST(Scheduler, SharesTheChunkInOrderAndDecodesEveryoneElse) {
  const model::ModelConfig config = tiny_config();
  Scheduler scheduler(config, kernels::DType::f32, {4, 64, std::int64_t{1} << 30});
  for (const auto& [id, tokens] : {std::pair{1, 50}, {2, 100}, {3, 20}}) scheduler.submit(make_request(id, tokens, 2, 10));
  scheduler.admit();
  const auto ids_and_rows = [](const StepPlan& plan) {
    std::vector<std::array<std::int64_t, 3>> rows;
    for (const PrefillChunk& c : plan.prefill) rows.push_back({static_cast<std::int64_t>(c.group->request.lease_id), c.first, c.num_rows});
    return rows;
  };
  const auto advance = [](const StepPlan& plan) {
    for (const PrefillChunk& c : plan.prefill) c.group->prefilled_tokens += c.num_rows;
  };
  using Rows = std::vector<std::array<std::int64_t, 3>>;
  StepPlan plan;
  scheduler.plan(plan);
  EXPECT_EQ(ids_and_rows(plan), (Rows{{1, 0, 50}, {2, 0, 14}}));
  EXPECT_TRUE(plan.decode.empty());
  advance(plan);
  scheduler.plan(plan);
  EXPECT_EQ(ids_and_rows(plan), (Rows{{2, 14, 64}}));
  ASSERT_EQ(plan.decode.size(), 2u);  // group 1 decodes meanwhile
  advance(plan);
  plan.decode[0].group->finish(0, data::FinishReason::stop);
  scheduler.plan(plan);
  EXPECT_EQ(ids_and_rows(plan), (Rows{{2, 78, 22}, {3, 0, 20}}));
  ASSERT_EQ(plan.decode.size(), 1u);  // the finished completion has left the batch
  EXPECT_EQ(plan.decode[0].sample_idx, 1);
}

TEST(Scheduler, ForgetFreesMemory) {
  const model::ModelConfig config = tiny_config();
  Scheduler scheduler(config, kernels::DType::f32, {1, 64, std::int64_t{1} << 30});
  scheduler.submit(make_request(1, 10, 2, 10));
  scheduler.submit(make_request(2, 10, 2, 10));
  scheduler.admit();
  EXPECT_TRUE(scheduler.forget(1));
  EXPECT_EQ(scheduler.reserved_bytes(), 0);
  EXPECT_TRUE(scheduler.forget(2));
  EXPECT_FALSE(scheduler.forget(2));
  EXPECT_EQ(scheduler.num_running() + scheduler.num_waiting(), 0);
}

}  // namespace
}  // namespace longbow::rollout
