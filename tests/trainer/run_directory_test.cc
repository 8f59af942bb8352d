// A run's folder: one process at a time, no run overwritten, and resumed with what cannot change its results.
#include "trainer/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/errors.h"
#include "trainer/recipe.h"

namespace longbow::trainer {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class RunDirectoryTest : public testing::Test {
 protected:
  RunDirectoryTest() {
    folder_ =
        fs::temp_directory_path() / concat("longbow-run-", ::getpid(), "-", testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
  }
  ~RunDirectoryTest() override { fs::remove_all(folder_); }

  template <class Action>
  static std::string error_of(const Action& action) {
    try {
      action();
    } catch (const UserError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(RunDirectoryTest, IsOneProcessesAtATime) {
  const std::string path = folder_ / "deep" / "run";
  {
    const RunDirectory first(path, false);
    EXPECT_THAT(error_of([&] { RunDirectory second(path, true); }), HasSubstr("got one in use by another process (" + path));
    EXPECT_THAT(error_of([&] { RunDirectory third(path, false); }), HasSubstr("in use"));
  }
  EXPECT_EQ(error_of([&] { RunDirectory again(path, true); }), "");
}

TEST_F(RunDirectoryTest, APlaceThatCannotBeIsOneLine) {
  std::ofstream(folder_) << "a file";
  EXPECT_THAT(error_of([&] { RunDirectory run((folder_ / "run").string(), false); }), HasSubstr((folder_ / "run").string()));
  EXPECT_THAT(error_of([&] { RunDirectory run(folder_.string(), false); }), HasSubstr(folder_.string()));
  fs::remove(folder_);
  EXPECT_THAT(error_of([&] { RunDirectory run((folder_ / std::string(300, 'n')).string(), false); }), HasSubstr("name too long"));
  EXPECT_THAT(error_of([&] { RunDirectory run((folder_ / std::string(300, 'n')).string(), true); }), HasSubstr("name too long"));
}

TEST_F(RunDirectoryTest, ResumesWithWhatCannotChangeResults) {
  const auto change = [](const char* assignment) {
    Json recipe = config_to_json(TrainRecipe());
    if (*assignment) apply_override(recipe, assignment);
    return recipe;
  };
  {
    const RunDirectory run(folder_.string(), false);
    run.store_recipe(change(""), false);
  }
  EXPECT_THAT(error_of([&] { RunDirectory run(folder_.string(), false); }), HasSubstr("got one that holds a run"));
  const RunDirectory run(folder_.string(), true);
  for (const char* free :
       {"/description=other", "/threads=3", "/activation_budget_mib=1", "/algorithm/steps=7", "/algorithm/max_refills=9",
        "/checkpoint/every=1", "/checkpoint/keep=9", "/reward/command_timeout_ms=5", "/reward/slow_ms=5", "/rollout/workers=7",
        "/rollout/threads_per_worker=7", "/rollout/concurrent_groups=7", "/rollout/prefill_chunk=7", "/rollout/kv_budget_mib=7",
        "/rollout/endpoint=ipc:///x", "/rollout/lease_timeout_ms=7777", "/rollout/heartbeat_ms=77", "/rollout/start_timeout_ms=777"}) {
    EXPECT_EQ(error_of([&] { run.store_recipe(change(free), true); }), "") << free;
    run.store_recipe(change(""), true);
  }
  for (const char* fixed :
       {"/seed=5", "/model/path=\"other\"", "/model/dtype=bfloat16", "/data/train=[\"x\"]", "/data/max_prompt_tokens=5",
        "/data/task_weights=[{\"task\": \"t\", \"weight\": 2}]", "/rollout/group_size=3", "/rollout/temperature=0.5",
        "/rollout/max_completion_tokens=5", "/reward/command=[\"x\"]", "/reward/judge={\"endpoint\": \"http://x\", \"model\": \"m\"}",
        "/reward/overlong_factor=1", "/algorithm/prompts_per_step=3", "/algorithm/mini_batches=2", "/algorithm/loss/kl_beta=0.1",
        "/algorithm/max_off_policy_steps=1", "/optimizer/learning_rate=0.5"}) {
    const std::string error = error_of([&] { run.store_recipe(change(fixed), true); });
    const std::string pointer = std::string(fixed).substr(0, std::string(fixed).find('='));
    EXPECT_THAT(error, HasSubstr("got another value at " + pointer));
  }
}

}  // namespace
}  // namespace longbow::trainer
