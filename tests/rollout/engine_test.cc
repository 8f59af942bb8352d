// The engine on a tiny random model: a group's bits never depend on what runs beside it, and are the trainer's bits.
#include "rollout/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "core/errors.h"
#include "kernels/logprob.h"
#include "rollout/sampler.h"
#include "tests/rollout/tiny_model.h"

namespace longbow::rollout {
namespace {

constexpr std::int64_t kPlenty = std::int64_t{1} << 30;

std::vector<GroupRequest> three_requests() {
  std::vector<GroupRequest> requests = {make_request(1, 150, 3, 170), make_request(2, 37, 2, 40), make_request(3, 1, 4, 70)};
  requests[1].sampling.temperature = 0.8f;
  requests[1].sampling.top_p = 0.9f;
  for (GroupRequest& request : requests) request.sampling.stop_token_ids = {2};
  return requests;
}

std::map<std::uint64_t, data::Group> run(EngineConfig config, int num_threads, const std::vector<GroupRequest>& requests) {
  TinyModel tiny(num_threads);
  Engine engine(tiny.pool, *tiny.packed, config);
  for (const GroupRequest& request : requests) engine.submit(request);
  std::map<std::uint64_t, data::Group> groups;
  for (FinishedGroup& finished : run_all(engine)) groups[finished.group.lease_id] = std::move(finished.group);
  return groups;
}

void expect_same_bits(const data::Group& a, const data::Group& b) {
  ASSERT_EQ(a.completions.size(), b.completions.size());
  for (std::size_t i = 0; i < a.completions.size(); ++i) {
    EXPECT_EQ(a.completions[i].tokens, b.completions[i].tokens) << "lease " << a.lease_id << " sample " << i;
    EXPECT_EQ(a.completions[i].rollout_logprobs, b.completions[i].rollout_logprobs) << "lease " << a.lease_id << " sample " << i;
    EXPECT_EQ(a.completions[i].finish_reason, b.completions[i].finish_reason);
  }
}

class Batching : public testing::TestWithParam<std::tuple<int, int, int>> {};

TEST_P(Batching, NeverChangesAGroup) {
  const auto [prefill_chunk, concurrent_groups, num_threads] = GetParam();
  static const std::vector<GroupRequest> requests = three_requests();
  static const std::map<std::uint64_t, data::Group> alone = [] {
    std::map<std::uint64_t, data::Group> groups;
    for (const GroupRequest& request : requests) groups.merge(run({1, 1000, kPlenty}, 1, {request}));
    return groups;
  }();
  const auto together = run({concurrent_groups, prefill_chunk, kPlenty}, num_threads, requests);
  ASSERT_EQ(together.size(), 3u);
  for (const auto& [lease_id, group] : together) expect_same_bits(group, alone.at(lease_id));
}

INSTANTIATE_TEST_SUITE_P(Shapes, Batching,
                         testing::Values(std::tuple{1, 3, 2}, std::tuple{7, 3, 1}, std::tuple{64, 3, 2}, std::tuple{65, 2, 2},
                                         std::tuple{149, 3, 1}, std::tuple{1000, 3, 2}, std::tuple{1000, 1, 2}));

class TrainerBits : public testing::TestWithParam<kernels::DType> {};

TEST_P(TrainerBits, EqualRolloutLogprobs) {
  TinyModel tiny(2, 1, GetParam());
  Engine engine(tiny.pool, *tiny.packed, {2, 33, kPlenty});
  GroupRequest request = make_request(5, 180, 3, 160);
  request.sampling.temperature = 0.7f;
  engine.submit(request);
  const data::Group group = run_all(engine).front().group;

  // The batch as the trainer packs it: the prompt is a segment, each completion continues it.
  model::TrainBatch batch;
  std::vector<std::int64_t> source_rows;
  std::vector<std::int32_t> targets;
  std::vector<float> rollout;
  const auto prompt_tokens = static_cast<std::int64_t>(group.prompt.tokens.size());
  batch.tokens = group.prompt.tokens;
  for (std::int64_t i = 0; i < prompt_tokens; ++i) batch.position_ids.push_back(static_cast<std::int32_t>(i));
  batch.segments.push_back({0, prompt_tokens, 0, -1});
  for (const data::Completion& completion : group.completions) {
    const auto rows = static_cast<std::int64_t>(completion.tokens.size()) - 1;
    const auto first_row = static_cast<std::int64_t>(batch.tokens.size());
    for (std::int64_t t = 0; t <= rows; ++t) {
      source_rows.push_back(t == 0 ? prompt_tokens - 1 : first_row + t - 1);
      targets.push_back(completion.tokens[t]);
      rollout.push_back(completion.rollout_logprobs[t]);
      if (t == rows) break;
      batch.tokens.push_back(completion.tokens[t]);
      batch.position_ids.push_back(static_cast<std::int32_t>(prompt_tokens + t));
    }
    if (rows > 0) batch.segments.push_back({first_row, rows, prompt_tokens, 0});
  }
  model::TrainingPass pass(tiny.pool, tiny.config, tiny.layout);
  const float* hidden = pass.forward(*tiny.packed, batch, false);
  std::vector<float> selected;
  for (const std::int64_t row : source_rows) selected.insert(selected.end(), hidden + row * 32, hidden + (row + 1) * 32);
  std::vector<float> trainer(targets.size());
  kernels::lm_head_logprobs(tiny.pool, selected.data(), static_cast<std::int64_t>(targets.size()), tiny.packed->head(), targets.data(),
                            inverse_temperature(request.sampling), trainer.data(), nullptr, nullptr);
  EXPECT_EQ(trainer, rollout);
}

INSTANTIATE_TEST_SUITE_P(Types, TrainerBits, testing::Values(kernels::DType::f32, kernels::DType::bf16),
                         [](const auto& info) { return std::string(kernels::name_of(info.param)); });

TEST(Engine, EndsCompletionsByLengthByTokenAndByCaller) {
  TinyModel tiny;
  Engine engine(tiny.pool, *tiny.packed, {4, 64, kPlenty});
  engine.submit(make_request(1, 10, 2, 12));
  const data::Group free_running = run_all(engine).front().group;
  for (const data::Completion& completion : free_running.completions) {
    EXPECT_EQ(completion.finish_reason, data::FinishReason::length);
    EXPECT_EQ(completion.tokens.size(), 12u);
    EXPECT_EQ(completion.rollout_logprobs.size(), 12u);
  }

  GroupRequest by_token = make_request(1, 10, 2, 12);
  const std::vector<std::int32_t>& tokens = free_running.completions[0].tokens;
  by_token.sampling.stop_token_ids = {tokens[4]};
  engine.submit(by_token);
  const data::Completion stopped = run_all(engine).front().group.completions[0];
  const auto first_hit = std::find(tokens.begin(), tokens.end(), tokens[4]) - tokens.begin();
  EXPECT_EQ(stopped.finish_reason, data::FinishReason::stop);
  EXPECT_EQ(stopped.tokens, std::vector<std::int32_t>(tokens.begin(), tokens.begin() + first_hit + 1));  // the stop token included

  GroupRequest by_caller = make_request(1, 10, 2, 12);
  by_caller.on_token = [](std::int64_t sample_idx, std::span<const std::int32_t> so_far) { return sample_idx == 1 && so_far.size() == 3; };
  engine.submit(by_caller);
  const data::Group called = run_all(engine).front().group;
  EXPECT_EQ(called.completions[0].tokens, tokens);
  EXPECT_EQ(called.completions[1].tokens.size(), 3u);
  EXPECT_EQ(called.completions[1].finish_reason, data::FinishReason::stop);
}

TEST(Engine, AFinishedGroupComesOutWhileOthersRun) {
  TinyModel tiny;
  Engine engine(tiny.pool, *tiny.packed, {2, 64, kPlenty});
  engine.submit(make_request(1, 5, 2, 100));
  engine.submit(make_request(2, 5, 2, 3));
  std::vector<FinishedGroup> done;
  int steps = 0;
  for (; done.empty(); ++steps) done = engine.step();
  EXPECT_EQ(done.front().group.lease_id, 2u);
  EXPECT_EQ(steps, 3);  // prefill gives the first token, two decode steps the others
  EXPECT_EQ(engine.num_groups(), 1);
}

TEST(Engine, AbortReturnsWhatThereIs) {
  TinyModel tiny;
  Engine engine(tiny.pool, *tiny.packed, {1, 64, kPlenty});
  engine.submit(make_request(1, 5, 2, 50));
  engine.submit(make_request(2, 5, 2, 50));
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(engine.step().empty());
  EXPECT_TRUE(engine.abort(1));
  EXPECT_TRUE(engine.abort(2));  // still waiting: comes out empty
  EXPECT_FALSE(engine.abort(3));
  const auto done = run_all(engine);
  ASSERT_EQ(done.size(), 2u);
  for (const FinishedGroup& finished : done) {
    for (const data::Completion& completion : finished.group.completions) {
      EXPECT_EQ(completion.finish_reason, data::FinishReason::abort);
      EXPECT_EQ(completion.tokens.size(), finished.group.lease_id == 1 ? 4u : 0u);
    }
  }
}

TEST(Engine, NewWeightsWaitForRunningGroupsAndNeverReachTheirPrefix) {
  TinyModel old_model(2, 1);
  TinyModel new_model(2, 2);
  const GroupRequest first = make_request(1, 70, 2, 30);
  const GroupRequest second = make_request(2, 70, 2, 30);
  Engine reference_old(old_model.pool, *old_model.packed, {1, 64, kPlenty});
  reference_old.submit(first);
  const data::Group expected_first = run_all(reference_old).front().group;
  Engine reference_new(new_model.pool, *new_model.packed, {1, 64, kPlenty});
  reference_new.submit(second);
  const data::Group expected_second = run_all(reference_new).front().group;

  Engine engine(old_model.pool, *old_model.packed, {2, 64, kPlenty}, 10);
  engine.submit(first);
  for (int i = 0; i < 5; ++i) (void)engine.step();
  engine.submit(second);
  engine.swap_weights(11, model::WeightValues(new_model.copy_of_weights()));
  EXPECT_EQ(engine.policy_version(), 10);  // the first group is still running
  std::map<std::uint64_t, data::Group> groups;
  for (FinishedGroup& finished : run_all(engine)) groups[finished.group.lease_id] = std::move(finished.group);
  EXPECT_EQ(engine.policy_version(), 11);
  expect_same_bits(groups.at(1), expected_first);
  expect_same_bits(groups.at(2), expected_second);
  for (const auto& [lease_id, group] : groups) {
    for (const data::Completion& completion : group.completions) {
      EXPECT_EQ(completion.min_policy_version, lease_id == 1 ? 10 : 11);
      EXPECT_EQ(completion.max_policy_version, lease_id == 1 ? 10 : 11);
    }
  }
}

data::Group run_one(Engine& engine, const GroupRequest& request) {
  engine.submit(request);
  return run_all(engine).front().group;
}

TEST(Engine, APromptIsPrefilledOnceWhileTheWeightsStand) {
  TinyModel tiny;
  Engine engine(tiny.pool, *tiny.packed, {2, 64, kPlenty});
  const GroupRequest first = make_request(1, 150, 3, 40);
  GroupRequest again = first;  // the same prompt at another step: other random choices
  again.lease_id = 2;
  again.prompt.step = 9;
  again.sampling.temperature = 0.7f;
  run_one(engine, first);
  EXPECT_EQ(engine.counters().prefill_tokens, 150);
  const data::Group reused = run_one(engine, again);
  EXPECT_EQ(engine.counters().prefill_tokens, 150);  // not again
  expect_same_bits(reused, run({1, 64, kPlenty}, 1, {again}).at(2));
  GroupRequest longer = make_request(3, 151, 2, 10);  // begins as the other does, and is another prompt
  std::copy(first.prompt.tokens.begin(), first.prompt.tokens.end(), longer.prompt.tokens.begin());
  run_one(engine, longer);
  EXPECT_EQ(engine.counters().prefill_tokens, 301);
}

TEST(Engine, GroupsThatRunShareThePromptToo) {
  TinyModel tiny;
  Engine engine(tiny.pool, *tiny.packed, {2, 1000, kPlenty});
  const GroupRequest first = make_request(1, 90, 2, 60);
  GroupRequest second = first;
  second.lease_id = 2;
  second.prompt.step = 4;
  engine.submit(first);
  for (int i = 0; i < 5; ++i) (void)engine.step();
  engine.submit(second);
  std::map<std::uint64_t, data::Group> groups;
  for (FinishedGroup& finished : run_all(engine)) groups[finished.group.lease_id] = std::move(finished.group);
  EXPECT_EQ(engine.counters().prefill_tokens, 90);
  expect_same_bits(groups.at(1), run({1, 1000, kPlenty}, 1, {first}).at(1));
  expect_same_bits(groups.at(2), run({1, 1000, kPlenty}, 1, {second}).at(2));
}

TEST(Engine, APrefixNeverOutlivesItsWeights) {
  TinyModel old_model(2, 1);
  TinyModel new_model(2, 2);
  Engine engine(old_model.pool, *old_model.packed, {2, 64, kPlenty}, 10);
  const GroupRequest request = make_request(1, 150, 2, 30);
  run_one(engine, request);
  engine.swap_weights(11, model::WeightValues(new_model.copy_of_weights()));
  const data::Group after = run_one(engine, request);
  EXPECT_EQ(engine.counters().prefill_tokens, 300);
  Engine fresh(new_model.pool, *new_model.packed, {2, 64, kPlenty});
  expect_same_bits(after, run_one(fresh, request));
}

TEST(Engine, KeptPrefixesGiveWayToGroupsThatRun) {
  TinyModel tiny;
  const GroupRequest first = make_request(1, 150, 2, 30), second = make_request(2, 150, 2, 30);
  const std::int64_t one = group_cache_bytes(tiny.config, kernels::DType::f32, {150, 2, 30, 64});
  Engine engine(tiny.pool, *tiny.packed, {2, 64, one});  // room for one group and nothing beside it
  run_one(engine, first);
  run_one(engine, second);
  run_one(engine, second);
  EXPECT_EQ(engine.counters().prefill_tokens, 300);  // the second's prefix was there, once the first's had gone
  run_one(engine, first);
  EXPECT_EQ(engine.counters().prefill_tokens, 450);
}

TEST(Engine, DivergedWeightsAreAUserError) {
  TinyModel tiny;
  kernels::Buffer<float> values = tiny.copy_of_weights();
  for (std::int64_t i = 0; i < values.size(); ++i) values[i] = NAN;
  Engine engine(tiny.pool, *tiny.packed, {1, 64, kPlenty});
  engine.swap_weights(1, model::WeightValues(std::move(values)));
  engine.submit(make_request(1, 5, 2, 5));
  EXPECT_THROW(run_all(engine), UserError);
}

}  // namespace
}  // namespace longbow::rollout
