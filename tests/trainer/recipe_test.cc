// What a GRPO recipe cannot be: values that divide by zero, settings that would be ignored, groups that could not be handed over.
#include "trainer/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/errors.h"
#include "data/trajectory.h"

namespace longbow::trainer {
namespace {

using testing::HasSubstr;

std::string error_of(const std::vector<const char*>& overrides) {
  Json json = Json::object();
  for (const char* assignment : {"/description=d", "/model/path=m", "/data/train=[\"x\"]"}) apply_override(json, assignment);
  for (const char* assignment : overrides) apply_override(json, assignment);
  try {
    TrainRecipe recipe;
    read_config(recipe, json, "recipe");
    validate(recipe);
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

TEST(Recipe, IsRefusedWithThePointer) {
  struct Case {
    std::vector<const char*> overrides;
    const char* message;
  };
  const Case cases[] = {
      {{"/optimizer/beta1=1"}, "/optimizer/beta1: expected"},
      {{"/optimizer/beta2=1"}, "/optimizer/beta2: expected"},
      {{"/optimizer/eps=0"}, "/optimizer/eps: expected"},
      {{"/algorithm/loss/dual_clip=0.5"}, "/algorithm/loss/dual_clip: expected 0 (off) or a value above 1"},
      {{"/algorithm/mini_batches=3"}, "/algorithm/mini_batches: expected a divisor of prompts_per_step (16), got 3"},
      {{"/rollout/top_p=0.5"}, "/rollout: expected top_p 1"},
      {{"/rollout/top_k=5"}, "/rollout: expected top_p 1"},
      {{"/rollout/min_p=0.1"}, "/rollout: expected top_p 1"},
      {{"/rollout/lease_timeout_ms=300", "/rollout/heartbeat_ms=200"}, "/rollout/lease_timeout_ms: expected at least two heartbeats"},
      {{"/rollout/group_size=1024", "/rollout/max_completion_tokens=1048576"}, "/rollout: expected a group of at most 256 MiB on the wire"},
      {{"/reward/command=[\"x\"]", "/reward/judge={\"endpoint\": \"http://x\", \"model\": \"m\"}"},
       "/reward: expected a command or a judge, got both"},
      {{"/reward/overlong_buffer_tokens=5"}, "/reward/overlong_factor: expected a value above 0 beside overlong_buffer_tokens (5)"},
      {{"/reward/overlong_factor=1"}, "/reward/overlong_buffer_tokens: expected 1 to"},
      {{"/data/task_weights=[{\"task\": \"a\"}, {\"task\": \"b\"}, {\"task\": \"a\"}]"},
       "/data/task_weights/2/task: expected a task once, got 'a' again"},
  };
  for (const Case& test : cases) EXPECT_THAT(error_of(test.overrides), HasSubstr(test.message));
  EXPECT_EQ(error_of({}), "");
  EXPECT_EQ(error_of({"/rollout/group_size=16", "/rollout/max_completion_tokens=20000", "/data/max_prompt_tokens=131072"}), "");
}

TEST(Recipe, KnowsTheLargestGroupOnTheWire) {
  TrainRecipe recipe;
  recipe.rollout.group_size = 3;
  recipe.rollout.max_completion_tokens = 50;
  recipe.data.max_prompt_tokens = 200;
  data::Group group;
  group.prompt.item_id = group.prompt.task = std::string(4096, 'x');
  group.prompt.tokens.assign(200, 1);
  for (int i = 0; i < 3; ++i) {
    group.completions.push_back(
        {i, std::vector<std::int32_t>(50, 1), std::vector<float>(50, -1.0f), data::FinishReason::length, 0, 0, 1.0});
  }
  const auto bytes = static_cast<std::int64_t>(data::encode_group(group).size());
  EXPECT_LE(bytes, largest_group_bytes(recipe));
  EXPECT_GE(bytes, largest_group_bytes(recipe) / 2);
}

}  // namespace
}  // namespace longbow::trainer
