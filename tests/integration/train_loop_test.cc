// The whole loop in processes of its own: what must hold of a run whatever happens to its parts.
#include "core/errors.h"
#include "tests/integration/command_line.h"

namespace longbow::tests {
namespace {

using TrainLoop = TinyRunTest;

/// Processes whose command line holds both texts.
std::vector<pid_t> find_processes(const std::string& first, const std::string& second) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::ifstream file(entry.path() / "cmdline");
    std::string text;
    std::getline(file, text);  // a process that ends meanwhile leaves it empty
    if (text.find(first) != std::string::npos && text.find(second) != std::string::npos)
      found.push_back(std::stoi(entry.path().filename()));
  }
  return found;
}

TEST_F(TrainLoop, WorkerAndTrainerAgreeToTheBit) {
  const CommandResult run = succeed({"train", "grpo.json", "--run-dir", "run"});
  EXPECT_TRUE(run.error.find("worker-0: connected: run ") != std::string::npos ||
              run.error.find("worker-1: connected: run ") != std::string::npos)
      << run.error;  // whose line is whose
  const auto metrics = lines("run/metrics.jsonl");
  ASSERT_EQ(metrics.size(), 6u);
  for (const Json& step : metrics) {
    EXPECT_EQ(step.at("mismatch_kl").as_number(), 0.0);
    EXPECT_EQ(step.at("mismatch_max_abs").as_number(), 0.0);
    EXPECT_EQ(step.at("ratio_max").as_number(), 1.0);
    EXPECT_EQ(step.at("ratio_min").as_number(), 1.0);
    EXPECT_EQ(step.at("leases").at("refused").as_integer(), 0);
    EXPECT_GT(step.at("grad_norm").as_number(), 0.0);
  }
  EXPECT_TRUE(fs::exists(path("run/result.json")));
  EXPECT_TRUE(fs::exists(path("run/report.html")));
  EXPECT_TRUE(fs::exists(path("run/checkpoints/final/model.safetensors")));
}

TEST_F(TrainLoop, Bfloat16MismatchStaysSmall) {
  succeed({"train", "grpo.json", "--run-dir", "run", "--set", "/model/dtype=bfloat16"});
  for (const Json& step : lines("run/metrics.jsonl")) EXPECT_LT(step.at("mismatch_kl").as_number(), 1e-3);
}

TEST_F(TrainLoop, RunsAreBitIdenticalForAnyNumberOfWorkersAndThreads) {
  succeed({"train", "grpo.json", "--run-dir", "one"});
  succeed({"train", "grpo.json", "--run-dir", "two", "--set", "/rollout/workers=1", "--threads", "2"});
  EXPECT_EQ(final_state("one"), final_state("two"));
}

TEST_F(TrainLoop, AnInterruptedRunResumesToTheSameBits) {
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  {
    const auto process = start({"train", "grpo.json", "--run-dir", "cut"});
    ASSERT_TRUE(wait_until(60, [&] { return steps_done("cut") >= 3; }));
    ::kill(process->pid(), SIGINT);
    const auto status = process->wait(60);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->exit_code, 130) << process->take_error_output();
  }
  succeed({"train", "grpo.json", "--run-dir", "cut", "--resume"});
  EXPECT_EQ(final_state("whole"), final_state("cut"));
  EXPECT_EQ(steps_done("cut"), 6u);
  // What is told of the run is told of all its steps, not of those since the resume.
  double seconds = 0;
  for (const Json& step : lines("cut/metrics.jsonl")) seconds += step.at("time").at("step_s").as_number();
  const Json result = read_json_file(path("cut/result.json"));
  EXPECT_DOUBLE_EQ(result.at("seconds").as_number(), seconds);
  EXPECT_EQ(result.at("completion_tokens"), read_json_file(path("whole/result.json")).at("completion_tokens"));
}

TEST_F(TrainLoop, ALearnerKilledMidStepResumesToTheSameBits) {
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  for (std::size_t steps : {0u, 1u, 3u}) {
    const std::string run_dir = concat("killed", steps);
    {
      const auto process = start({"train", "grpo.json", "--run-dir", run_dir});
      ASSERT_TRUE(wait_until(60, [&] { return fs::exists(path(run_dir + "/recipe.json")) && steps_done(run_dir) >= steps; }));
      ::kill(process->pid(), SIGKILL);
      ASSERT_TRUE(process->wait(60));
    }
    succeed({"train", "grpo.json", "--run-dir", run_dir, "--resume"});
    EXPECT_EQ(final_state("whole"), final_state(run_dir));
    EXPECT_EQ(steps_done(run_dir), 6u) << "no step lost or doubled";
    EXPECT_EQ(read_file(path("whole/samples.jsonl")), read_file(path(run_dir + "/samples.jsonl")));
    EXPECT_TRUE(wait_until(10, [&] { return find_processes("rollout", path(run_dir)).empty(); })) << "orphaned workers";
  }
}

TEST_F(TrainLoop, AWorkerKilledMidGroupChangesNothing) {
  succeed({"train", "grpo.json", "--run-dir", "whole"});
  const auto process = start({"train", "grpo.json", "--run-dir", "run"});
  ASSERT_TRUE(wait_until(60, [&] { return !find_processes(path("run"), "worker-0").empty() && steps_done("run") >= 1; }));
  for (pid_t worker : find_processes(path("run"), "worker-0")) ::kill(worker, SIGKILL);
  const auto status = process->wait(kCommandSeconds);
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << process->take_error_output();
  EXPECT_EQ(final_state("whole"), final_state("run"));
  EXPECT_EQ(steps_done("run"), 6u);
}

TEST_F(TrainLoop, OneStepOffPolicyRunsToTheEnd) {
  succeed({"train", "grpo.json", "--run-dir", "run", "--set", "/algorithm/max_off_policy_steps=1"});
  EXPECT_EQ(steps_done("run"), 6u);
}

TEST_F(TrainLoop, MiniBatchesAndDynamicSamplingRun) {
  succeed({"train", "grpo.json", "--run-dir", "run", "--set", "/algorithm/mini_batches=2", "--set", "/algorithm/dynamic_sampling=true",
           "--set", "/algorithm/max_refills=50"});
  for (const Json& step : lines("run/metrics.jsonl")) EXPECT_EQ(step.at("zero_variance_fraction").as_number(), 0.0);
}

TEST_F(TrainLoop, NextTokenTrainingResumesToTheSameBits) {
  const auto state = [&](const std::string& run) { return read_file(path(run + "/checkpoints/step_00000004/trainer_state.safetensors")); };
  succeed({"pretrain", "pretrain.json", "--run-dir", "cut", "--set", "/stages/0/steps=2"});
  fs::remove_all(path("cut/checkpoints/final"));
  Json recipe = read_json_file(path("cut/recipe.json"));
  recipe["stages"].as_array()[0]["steps"] = 4;  // as if it had been stopped after two steps
  write("cut/recipe.json", recipe.dump());
  succeed({"pretrain", "pretrain.json", "--run-dir", "cut", "--resume"});
  EXPECT_EQ(state("pre"), state("cut"));
  EXPECT_EQ(read_json_file(path("cut/result.json")).at("tokens"), read_json_file(path("pre/result.json")).at("tokens"));
}

TEST_F(TrainLoop, BadInputIsOneLineAndExitCodeTwo) {
  struct Case {
    std::vector<std::string> arguments;
    std::string message;
  };
  write("broken.json", "{\"description\": \"x\", }");
  const std::vector<Case> cases = {
      {{"train", "missing.json"}, "missing.json"},
      {{"train", "broken.json"}, "broken.json:1"},
      {{"train", "grpo.json", "--set", "/algorithm/stepz=3", "--run-dir", "x1"}, "steps"},
      {{"train", "grpo.json", "--set", "/rollout/group_size=1", "--run-dir", "x2"}, "/rollout/group_size"},
      {{"train", "grpo.json", "--set", "/rollout/top_p=0.9", "--run-dir", "x3"}, "top_p"},
      {{"train", "grpo.json", "--set", "/model/path=nowhere", "--run-dir", "x4"}, "nowhere"},
      {{"train", "grpo.json", "--set", "/data/train=[\"none.jsonl\"]", "--run-dir", "x5"}, "none.jsonl"},
      {{"train", "grpo.json", "--set", "/reward/command=[\"no-such-program\"]", "--run-dir", "x6"}, "no-such-program"},
      {{"train", "grpo.json", "--set", "/rollout/endpoint=tcp://0.0.0.0:5999", "--run-dir", "x7"}, "CURVE"},
      {{"nonsense"}, "nonsense"},
      {{"eval", "--model", "pre/checkpoints/final", "--benchmark", "ruler", "--data", "items.jsonl", "--out", "e"}, "not built yet"},
  };
  for (const Case& test : cases) {
    const CommandResult result = run(test.arguments);
    EXPECT_EQ(result.exit_code, 2) << test.message << ": " << result.error;
    EXPECT_NE(result.error.find(test.message), std::string::npos) << "expected '" << test.message << "' in: " << result.error;
  }
}

TEST_F(TrainLoop, ARunDirectoryIsNotOverwritten) {
  succeed({"train", "grpo.json", "--run-dir", "run", "--set", "/algorithm/steps=1"});
  const CommandResult again = run({"train", "grpo.json", "--run-dir", "run"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_NE(again.error.find("--resume"), std::string::npos);
  const CommandResult other = run({"train", "grpo.json", "--run-dir", "run", "--resume", "--set", "/optimizer/learning_rate=0.5"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_NE(other.error.find("/optimizer/learning_rate"), std::string::npos) << other.error;
}

TEST_F(TrainLoop, EvaluationResumes) {
  succeed({"eval", "--model", "pre/checkpoints/final", "--benchmark", "items", "--data", "items.jsonl", "--out", "a",
           "--max-completion-tokens", "8"});
  succeed({"eval", "--model", "pre/checkpoints/final", "--benchmark", "items", "--data", "items.jsonl", "--out", "b",
           "--max-completion-tokens", "8", "--limit", "5"});
  succeed({"eval", "--model", "pre/checkpoints/final", "--benchmark", "items", "--data", "items.jsonl", "--out", "b",
           "--max-completion-tokens", "8", "--resume"});
  EXPECT_EQ(lines("b/predictions.jsonl").size(), 12u);
  EXPECT_EQ(read_json_file(path("a/report.json")).at("accuracy"), read_json_file(path("b/report.json")).at("accuracy"));
}

}  // namespace
}  // namespace longbow::tests
